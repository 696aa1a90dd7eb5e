# Names and versions of the system, under nixpkgs' option names.
{ lib, config, options, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.system.nixos;
  string = default: description: mkOption { type = types.str; inherit default description; };
in
{
  options.system = {
    stateVersion = mkOption {
      type = types.strMatching "[0-9]{2}\\.[0-9]{2}";
      default = cfg.release;
      defaultText = lib.literalExpression "config.system.nixos.release";
      description = "The release this machine was installed with; services keep their data layout by it.";
    };
    configurationRevision = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The revision of the repository this system was built from.";
    };
    nixos = {
      release = string (lib.trivial.release or "26.05") "The release, as `YY.MM`.";
      codeName = string "Pocket" "The code name of the release.";
      versionSuffix = string ".pocket" "What follows the release in the version.";
      version = mkOption {
        type = types.str;
        default = cfg.release + cfg.versionSuffix;
        defaultText = lib.literalExpression "config.system.nixos.release + config.system.nixos.versionSuffix";
        description = "The full version.";
      };
      revision = mkOption { type = types.nullOr types.str; default = null; description = "The revision of the package set."; };
      tags = mkOption { type = types.listOf types.str; default = [ ]; description = "Words put in front of the label."; };
      label = mkOption {
        type = types.strMatching "[a-zA-Z0-9:_\\.-]*";
        default = lib.concatStringsSep "-" (lib.sort lib.lessThan cfg.tags ++ [ cfg.version ]);
        defaultText = lib.literalMD "the tags and the version";
        description = "The name of this system in boot menus and store paths.";
      };
      distroId = string "nixos" "The `ID` of os-release. Programs ask it how to treat the machine, and the answer is: as NixOS.";
      distroName = string "NixOS" "The `NAME` of os-release.";
      variant_id = mkOption { type = types.nullOr types.str; default = null; description = "The `VARIANT_ID` of os-release."; };
      variantName = mkOption { type = types.nullOr types.str; default = null; description = "The `VARIANT` of os-release."; };
    };
  };

  # A machine with its own userland keeps its own os-release: programs of that userland rely on it.
  config.environment.etc."os-release" = {
    yield = true;
    text = lib.concatStrings (
      lib.mapAttrsToList (key: value: "${key}=\"${value}\"\n") (
        {
          ID = cfg.distroId;
          NAME = cfg.distroName;
          PRETTY_NAME = "${cfg.distroName} ${cfg.version} (pocket)";
          VERSION = "${cfg.release} (${cfg.codeName})";
          VERSION_ID = cfg.release;
          BUILD_ID = cfg.version;
        }
        // lib.optionalAttrs (cfg.variant_id != null) { VARIANT_ID = cfg.variant_id; }
        // lib.optionalAttrs (cfg.variantName != null) { VARIANT = cfg.variantName; }
      )
    );
  };
}
