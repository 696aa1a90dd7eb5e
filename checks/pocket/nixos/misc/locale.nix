# `time.*`, `i18n.*`, `console.*`.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
in
{
  options = {
    time.timeZone = mkOption { type = types.nullOr (types.addCheck types.str (s: builtins.match ".* .*" s == null)); default = null; example = "Europe/Berlin"; description = "The time zone; null leaves the machine's."; };
    time.hardwareClockInLocalTime = mkOption { type = types.bool; default = false; description = "Whether the hardware clock shows local time; read at boot from /etc/adjtime."; };
    i18n = {
      defaultLocale = mkOption { type = types.str; default = "C.UTF-8"; description = "The locale of the machine. pocket has C.UTF-8 and no other; any other must be the machine's own."; };
      extraLocaleSettings = mkOption { type = types.attrsOf types.str; default = { }; description = "Single `LC_*` variables."; };
      supportedLocales = mkOption { type = types.listOf types.str; default = [ ]; description = "Accepted for nixpkgs' sake: pocket builds no locales."; };
    };
    console = {
      keyMap = mkOption { type = types.either types.str types.path; default = "us"; description = "The key map of the console, written for systemd-vconsole-setup."; };
      font = mkOption { type = types.nullOr (types.either types.str types.path); default = null; description = "The font of the console."; };
      enable = mkOption { type = types.bool; default = true; description = "Whether the console is set up."; };
    };
  };

  # Programs of pocket carry their own C library, which can only read locales of its own version: theirs are named to them.
  config.systemd.globalEnvironment = {
    LOCPATH = "${pkgs.glibcLocales}/lib/locale";
    LANG = "C.UTF-8";
  };

  config.environment.etc = lib.mkMerge [
    (lib.mkIf (config.time.timeZone != null) {
      # Through the package, not through the machine's zoneinfo, which may be missing.
      localtime = {
        source = "${pkgs.tzdata}/share/zoneinfo/${config.time.timeZone}";
        mode = "direct-symlink";
      };
    })
    (lib.mkIf config.time.hardwareClockInLocalTime { adjtime = { yield = true; text = "0.0 0 0.0\n0\nLOCAL\n"; }; })
    {
      "locale.conf" = {
        yield = true;
        text = lib.concatStrings (lib.mapAttrsToList (name: v: "${name}=${v}\n") ({ LANG = config.i18n.defaultLocale; } // config.i18n.extraLocaleSettings));
      };
      "vconsole.conf" = lib.mkIf config.console.enable {
        yield = true;
        text = "KEYMAP=${config.console.keyMap}\n" + lib.optionalString (config.console.font != null) "FONT=${config.console.font}\n";
      };
    }
  ];
}
