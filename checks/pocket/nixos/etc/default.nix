# `environment.etc`: files and links below /etc, put there and taken away again by setup-etc.sh.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;

  entry = { name, config, ... }: {
    options = {
      enable = mkOption { type = types.bool; default = true; description = "Whether this file is made."; };
      target = mkOption { type = types.str; default = name; defaultText = lib.literalMD "the attribute name"; description = "Where it goes, relative to `/etc`."; };
      text = mkOption { type = types.nullOr types.lines; default = null; description = "The content."; };
      source = mkOption { type = types.path; description = "The file or folder to show there."; };
      mode = mkOption {
        type = types.str;
        default = "symlink";
        example = "0600";
        description = "`symlink`, or a file mode: then the file is copied.";
      };
      uid = mkOption { type = types.int; default = 0; description = "Owner of a copied file."; };
      gid = mkOption { type = types.int; default = 0; description = "Group of a copied file."; };
      user = mkOption { type = types.str; default = "+${toString config.uid}"; defaultText = lib.literalMD "`uid`"; description = "Owner of a copied file, by name."; };
      group = mkOption { type = types.str; default = "+${toString config.gid}"; defaultText = lib.literalMD "`gid`"; description = "Group of a copied file, by name."; };
      yield = mkOption {
        type = types.bool;
        default = false;
        internal = true;
        description = "Pocket's own: a file that the machine already has stays. For defaults nobody asked for, on a machine with its own userland.";
      };
      spread = mkOption {
        type = types.bool;
        default = false;
        internal = true;
        description = "Pocket's own: `source` is a folder whose files are linked one by one into a folder shared with the machine.";
      };
    };
    config.source = lib.mkIf (config.text != null) (
      pkgs.writeText "etc-${lib.strings.sanitizeDerivationName name}" config.text
    );
  };

  entries = lib.filter (e: e.enable) (lib.attrValues config.environment.etc);

  line = e: lib.concatStringsSep "\t" [
    e.target
    (if e.spread then "spread" else e.mode)
    e.user
    e.group
    (if e.yield then "yield" else "own")
    "${e.source}"
  ];
in
{
  options.environment.etc = mkOption {
    type = types.attrsOf (types.submodule entry);
    default = { };
    example = { "motd".text = "hello\n"; };
    description = "Files below `/etc`.";
  };

  config = {
    assertions =
      let
        targets = map (e: e.target) entries;
        twice = lib.unique (lib.filter (target: lib.count (other: other == target) targets > 1) targets);
      in
      [
        {
          assertion = twice == [ ];
          message = "environment.etc has more than one entry for: ${lib.concatStringsSep ", " twice}. Give each its own `target`.";
        }
      ];

    # $out/etc is what /etc/static points at; $out/manifest says how each entry gets into /etc.
    system.build.etc = pkgs.pocket.run "etc" {
      entries = lib.concatMapStrings (e: line e + "\n") entries;
      passAsFile = [ "entries" ];
      script = ./build-etc.sh;
    } ''. "$script"'';

    system.activationScripts.etc = {
      deps = [ "users" "groups" "specialfs" ];
      supportsDryActivation = true;
      text = ''
        # Links and files below /etc
        bash ${./setup-etc.sh} ${config.system.build.etc} || _localstatus=$?
      '';
    };
  };
}
