# `systemd.*`: units declared by option become files below /etc/systemd/system, linked there one by one (etc/setup-etc.sh).
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.systemd;

  optionTypes = import ./option-types.nix { inherit lib; };
  unitOptions = import ./unit-options.nix { inherit lib optionTypes; };
  text = import ./unit-text.nix { inherit lib pkgs config; };

  suffix = { services = "service"; targets = "target"; sockets = "socket"; timers = "timer"; paths = "path"; slices = "slice"; mounts = "mount"; };

  kindOption = kind: mkOption {
    type = types.attrsOf (types.submodule unitOptions.${kind});
    default = { };
    description = "systemd ${kind}, by name without the suffix.";
  };

  rawUnit = { name, config, ... }: {
    options = unitOptions.shared // {
      name = mkOption { type = types.str; default = name; description = "The unit's file name."; };
      text = mkOption { type = types.nullOr types.str; default = null; description = "The unit's text."; };
      unit = mkOption { type = types.unspecified; internal = true; description = "The folder in the store with the unit's file."; };
    };
    config.unit = lib.mkOptionDefault (pkgs.writeTextDir' "unit-${lib.strings.sanitizeDerivationName name}" name config.text);
  };

  toUnit = kind: name: u: lib.nameValuePair "${name}.${suffix.${kind}}" {
    inherit (u) enable overrideStrategy wantedBy requiredBy upheldBy aliases;
    text = text.${kind} name u;
  };

  # Mounts are named after where they mount.
  mountName = u: lib.replaceStrings [ "/" ] [ "-" ] (lib.removePrefix "/" u.where);
  kinds = lib.removeAttrs suffix [ "mounts" ];

  tree = import ./unit-tree.nix { inherit lib pkgs; inherit (cfg) packages; units = cfg.units; systemd = cfg.package; };
in
{
  options.systemd = lib.mapAttrs (kind: _: kindOption kind) kinds // {
    mounts = mkOption { type = types.listOf (types.submodule unitOptions.mounts); default = [ ]; description = "systemd mounts."; };
    units = mkOption { type = types.attrsOf (types.submodule rawUnit); default = { }; description = "Units as text, by file name."; };
    package = mkOption { type = types.package; default = pkgs.systemd; defaultText = lib.literalExpression "pkgs.systemd"; description = "The systemd of this system."; };
    packages = mkOption { type = types.listOf types.package; default = [ ]; description = "Packages that bring units."; };
    globalEnvironment = mkOption {
      type = types.attrsOf (types.nullOr (types.oneOf [ types.str types.path types.package ]));
      default = { };
      description = "Environment variables of all services.";
    };
    defaultUnit = mkOption { type = types.str; default = "multi-user.target"; description = "What a machine booted by pocket starts."; };
    enableEmergencyMode = mkOption { type = types.bool; default = true; description = "Accepted for nixpkgs' sake: Debian's emergency mode is as it is."; };
    pocketDefaultPath = mkOption { type = types.listOf types.package; internal = true; description = "Pocket's own: what `enableDefaultPath` stands for."; };
  };

  config = {
    # nixpkgs puts coreutils, findutils, grep, sed and systemd there. busybox has the same commands and is in every system
    # anyway; a service that wants GNU's behaviour names the package in `path`.
    systemd.pocketDefaultPath = [ pkgs.busybox cfg.package ];

    systemd.units = lib.mkMerge (
      lib.mapAttrsToList (kind: _: lib.mapAttrs' (toUnit kind) cfg.${kind}) kinds
      ++ map (u: lib.listToAttrs [ (toUnit "mounts" (mountName u) u) ]) cfg.mounts
    );

    systemd.timers = lib.mapAttrs (_: service: {
      wantedBy = [ "timers.target" ];
      timerConfig.OnCalendar = service.startAt;
    }) (lib.filterAttrs (_: service: service.enable && service.startAt != [ ]) cfg.services);

    # A unit file the machine has put there itself stays; setup-etc.sh says so.
    environment.etc."systemd/system" = { source = tree; spread = true; yield = true; };
  };
}
