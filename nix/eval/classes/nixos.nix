# Class `nixos`: a whole NixOS machine, evaluated by the user's own nixpkgs.
#
# Nothing here depends on the commit of the repository, on purpose: a system that names its commit changes with every commit of anything.
{
  lib,
  infraLib,
  inputs,
  root,
  planes,
  nixosModules,
}:
let
  contractsOf = import ./contracts.nix {
    inherit
      lib
      infraLib
      root
      planes
      ;
  };

  hostFiles = import ./host-files.nix { inherit lib infraLib inputs root; };

  # What host.toml already said. Defaults only: a configuration may disagree.
  identity = host: {
    _file = "hosts/${host.name}/host.toml";
    _class = "nixos";
    config = {
      networking.hostName = lib.mkDefault host.name;
      nixpkgs.hostPlatform = lib.mkDefault host.system;
      infra.host = { inherit (host) name class; };
    };
  };

  # The rest of infra takes the system from host.toml without evaluating anything; a configuration must not quietly build for another.
  agreement =
    host:
    { config, ... }:
    let
      platform = config.nixpkgs.hostPlatform.system or config.nixpkgs.hostPlatform;
    in
    {
      _file = "hosts/${host.name}/host.toml";
      _class = "nixos";
      config.assertions = [
        {
          assertion = platform == host.system;
          message = "`nixpkgs.hostPlatform` of host `${host.name}` is ${platform}, but hosts/${host.name}/host.toml says system = \"${host.system}\". Make them agree.";
        }
      ];
    };

  sharedModules =
    host:
    infraLib.shared.select {
      inherit root;
      wanted = host.shared;
      file = "default.nix";
    };
in
extraModules: host:
let
  contracts = contractsOf host;

  evaluate =
    consequences:
    inputs.nixpkgs.lib.nixosSystem {
      specialArgs = {
        inherit inputs;
        infra = host // {
          types = infraLib.types.offered;
        };
      };
      modules =
        sharedModules host
        ++ nixosModules
        ++ extraModules
        ++ [
          (identity host)
          (agreement host)
        ]
        ++ contracts.readable
        ++ consequences
        ++ hostFiles host;
    };

  unbound = evaluate [ ];
  configuration = evaluate (contracts.bound unbound);
in
{
  inherit configuration;
  inherit (configuration.config.system.build) toplevel;
  inherit (unbound.config.infra) manifest;
}
