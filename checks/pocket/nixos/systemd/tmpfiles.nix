# `systemd.tmpfiles`: rules for files and folders, applied at every activation (and at boot by systemd itself).
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.systemd.tmpfiles;

  field = default: description: mkOption { type = types.str; inherit default description; };
  rule = types.submodule ({ name, ... }: {
    options = {
      type = field name "The kind of line.";
      mode = field "-" "The file mode.";
      user = field "-" "The owner.";
      group = field "-" "The group.";
      age = field "-" "How old files below may become.";
      argument = field "" "The argument.";
    };
  });

  escape = lib.replaceStrings [ "%" "\n" "\t" ] [ "%%" "\\n" "\\t" ];
  line = path: r: "'${r.type}' '${path}' '${r.mode}' '${r.user}' '${r.group}' '${r.age}' ${escape r.argument}\n";
  settingsText = paths: lib.concatStrings (lib.concatLists (lib.mapAttrsToList (path: types: map (line path) (lib.attrValues types)) paths));
in
{
  options.systemd.tmpfiles = {
    rules = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "d /srv/data 0750 web web -" ];
      description = "Lines in the language of tmpfiles.d.";
    };
    settings = mkOption {
      type = types.attrsOf (types.attrsOf (types.attrsOf rule));
      default = { };
      example = { "10-site"."/srv/data".d = { user = "web"; mode = "0750"; }; };
      description = "The same, as file name → path → kind of line → fields.";
    };
    packages = mkOption { type = types.listOf types.package; default = [ ]; description = "Packages that bring rules."; };
  };

  config = {
    environment.etc = lib.mkMerge [
      (lib.mkIf (cfg.rules != [ ]) { "tmpfiles.d/00-nixos.conf".text = lib.concatMapStrings (r: r + "\n") cfg.rules; })
      (lib.mapAttrs' (name: paths: lib.nameValuePair "tmpfiles.d/${name}.conf" { text = settingsText paths; }) cfg.settings)
      (lib.listToAttrs (map (package: lib.nameValuePair "tmpfiles.d" { source = "${package}/lib/tmpfiles.d"; spread = true; }) cfg.packages))
    ];

    # Only our own files are named: the machine's rules are the machine's business.
    system.activationScripts.tmpfiles = {
      deps = [ "etc" "users" ];
      text = lib.optionalString (cfg.rules != [ ] || cfg.settings != { }) ''
        # Files and folders by rule
        ${config.systemd.package}/bin/systemd-tmpfiles --create ${lib.escapeShellArgs (
          lib.optional (cfg.rules != [ ]) "00-nixos.conf" ++ map (name: "${name}.conf") (lib.attrNames cfg.settings)
        )} || _localstatus=$?
      '';
    };
  };
}
