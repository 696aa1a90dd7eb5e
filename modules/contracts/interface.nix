# What the two planes know of each other.
{ lib, ... }:
{
  _file = "modules/contracts/interface.nix of infra";
  _class = "nixos";

  options.infra = {
    promised = lib.mkOption {
      type = lib.types.nullOr lib.types.raw;
      default = null;
      internal = true;
      description = "The manifest of the contract plane, which this system must keep to. Set by mkInfra.";
    };

    manifest = lib.mkOption {
      type = lib.types.raw;
      internal = true;
      description = "The manifest of the contracts as this system sees them.";
    };
  };
}
