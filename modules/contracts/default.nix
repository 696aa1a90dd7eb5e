# Contracts in the system: the same options as in the contract plane, and a guard that both planes say the same.
{
  config,
  options,
  lib,
  ...
}:
let
  inherit (import ../../nix/lib { inherit lib; }) contract;
  cfg = config.infra;
in
{
  imports = [
    ./interface.nix
    contract.module
  ];

  _file = "modules/contracts/default.nix of infra";
  _class = "nixos";

  config = {
    infra.manifest = contract.manifest {
      inherit config options;
      inherit (cfg.filled) host root;
    };

    # Nothing is promised where a system is evaluated without mkInfra.
    assertions = map (message: {
      assertion = false;
      inherit message;
    }) (
      lib.optionals (cfg.promised != null) (contract.disagreements {
        plane = cfg.promised;
        system = cfg.manifest;
      })
    );
  };
}
