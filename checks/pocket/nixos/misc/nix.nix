# `nix.*`: the settings file. The Nix itself is the one the machine was set up with: pocket has no package of it.
{ lib, config, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.nix;

  atom = types.nullOr (types.oneOf [ types.bool types.int types.float types.str types.path types.package ]);
  setting = types.either atom (types.listOf atom);

  show = v: if v == null then "" else if builtins.isBool v then lib.boolToString v else if builtins.isList v then toString (map show v) else toString v;
  text = lib.concatStrings (lib.mapAttrsToList (name: v: "${name} = ${show v}\n") cfg.settings) + cfg.extraOptions;

  # Where a Nix may be on a machine that was set up by hand.
  findNix = ''
    export PATH=$PATH:/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin:/usr/local/bin:/usr/bin
    for prefix in /opt/*/nix; do PATH=$PATH:$prefix/bin; done
    command -v nix-collect-garbage >/dev/null || { echo "no nix-collect-garbage in $PATH" >&2; exit 1; }
  '';

  maintenance = name: command: lib.mkIf cfg.${name}.automatic {
    description = "Nix store: ${name}";
    script = findNix + command;
    serviceConfig.Type = "oneshot";
    startAt = cfg.${name}.dates;
  };
in
{
  options.nix = {
    enable = mkOption { type = types.bool; default = true; description = "Whether the machine's Nix is configured here."; };
    package = mkOption {
      type = types.package;
      default = throw "pocket has no Nix package (nix.package): machines use the Nix they were set up with";
      defaultText = lib.literalMD "none";
      description = "The Nix package.";
    };
    settings = mkOption {
      type = types.submodule { freeformType = types.attrsOf setting; };
      default = { };
      description = "Lines of nix.conf.";
    };
    extraOptions = mkOption { type = types.lines; default = ""; description = "More lines of nix.conf."; };
    checkConfig = mkOption { type = types.bool; default = true; description = "Accepted for nixpkgs' sake."; };
    nixPath = mkOption { type = types.listOf types.str; default = [ ]; description = "NIX_PATH."; };
    registry = mkOption { type = types.attrsOf types.attrs; default = { }; description = "Flake registry entries."; };
    channel.enable = mkOption { type = types.bool; default = false; description = "Accepted for nixpkgs' sake: pocket has no channels."; };
    gc = {
      automatic = mkOption { type = types.bool; default = false; description = "Whether the store is collected regularly."; };
      dates = mkOption { type = types.either types.singleLineStr (types.listOf types.str); default = "03:15"; description = "When."; };
      options = mkOption { type = types.singleLineStr; default = ""; example = "--delete-older-than 30d"; description = "Options of nix-collect-garbage."; };
      persistent = mkOption { type = types.bool; default = true; description = "Whether a missed run is made up for."; };
      randomizedDelaySec = mkOption { type = types.singleLineStr; default = "0"; description = "A random delay."; };
    };
    optimise = {
      automatic = mkOption { type = types.bool; default = false; description = "Whether equal files in the store are linked regularly."; };
      dates = mkOption { type = types.either types.singleLineStr (types.listOf types.str); default = [ "03:45" ]; description = "When."; };
    };
  };

  config = {
    # A machine that has a nix.conf was given a Nix by somebody else, who decided who is trusted; it stays.
    environment.etc."nix/nix.conf" = lib.mkIf (cfg.enable && text != "") { inherit text; yield = true; };
    environment.etc."nix/registry.json" = lib.mkIf (cfg.registry != { }) {
      text = builtins.toJSON {
        version = 2;
        flakes = lib.mapAttrsToList (id: entry: { from = { type = "indirect"; inherit id; }; to = entry.to or { type = "path"; path = "${entry.flake}"; }; exact = true; }) cfg.registry;
      };
    };
    environment.sessionVariables = lib.mkIf (cfg.nixPath != [ ]) { NIX_PATH = cfg.nixPath; };

    systemd.services.nix-gc = maintenance "gc" "exec nix-collect-garbage ${cfg.gc.options}";
    systemd.services.nix-optimise = maintenance "optimise" "exec nix-store --optimise";
    systemd.timers.nix-gc = lib.mkIf cfg.gc.automatic {
      timerConfig = { Persistent = cfg.gc.persistent; RandomizedDelaySec = cfg.gc.randomizedDelaySec; };
    };
  };
}
