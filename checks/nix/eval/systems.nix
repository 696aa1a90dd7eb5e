# `infra.hosts.<name>.system`, and what a NixOS host's modules see.
{
  lib,
  nixpkgs,
  repository,
}:
let
  mixed = repository { root = ../fixtures/mixed; };
  inherit (mixed.infra.hosts.good) system;
  told = builtins.fromJSON mixed.nixosConfigurations.reads-identity.config.environment.etc."told".text;

  # A host.toml is not part of a system: what only the CLI reads must not rebuild anything.
  infraLib = import ../../../nix/lib { inherit lib; };
  evaluators = import ../../../nix/eval/classes {
    inherit lib infraLib;
    inputs = { inherit nixpkgs; };
    root = ../fixtures/mixed;
    planes =
      (import ../../../nix/eval/planes.nix {
        inherit lib infraLib;
        root = ../fixtures/mixed;
        hosts = infraLib.hosts ../fixtures/mixed;
      }).ofHost;
    nixosModules = builtins.attrValues (import ../../../modules);
  };
  good = (infraLib.hosts ../fixtures/mixed).good;
  drvOf = change: (evaluators.evaluate (good // change)).toplevel.drvPath;

  isStorePath = suffix: path: builtins.match "/nix/store/[a-z0-9]{32}-[^/]*${suffix}" path != null;
in
[
  {
    name = "a good host among broken ones";
    expr = {
      inherit (system)
        schema
        host
        class
        system
        ;
    };
    expected = {
      schema = 1;
      host = "good";
      class = "nixos";
      system = "x86_64-linux";
    };
  }
  {
    name = "exactly the keys of schema 1";
    expr = {
      record = builtins.attrNames system;
      toplevel = builtins.attrNames system.toplevel;
    };
    expected = {
      record = [
        "class"
        "host"
        "schema"
        "system"
        "toplevel"
      ];
      toplevel = [
        "drv"
        "out"
      ];
    };
  }
  {
    name = "store paths without context";
    expr = [
      (isStorePath "\\.drv" system.toplevel.drv)
      (isStorePath "" system.toplevel.out)
      (builtins.hasContext system.toplevel.drv || builtins.hasContext system.toplevel.out)
    ];
    expected = [
      true
      true
      false
    ];
  }
  {
    name = "nixosConfigurations is what the CLI deploys";
    expr =
      mixed.nixosConfigurations.good.config.system.build.toplevel.outPath == system.toplevel.out;
    expected = true;
  }
  {
    name = "legacyPackages is not touched";
    expr =
      (repository {
        root = ../fixtures/mixed;
        inputs.nixpkgs = {
          inherit (nixpkgs) lib;
          legacyPackages = throw "legacyPackages was forced";
        };
      }).infra.hosts.good.system == system;
    expected = true;
  }
  {
    name = "the host's name and platform are defaults";
    expr = {
      name = mixed.nixosConfigurations.good.config.networking.hostName;
      file = lib.hasPrefix "hosts/good/host.toml" (
        builtins.head mixed.nixosConfigurations.good.options.networking.hostName.files
      );
    };
    expected = {
      name = "good";
      file = true;
    };
  }
  {
    name = "modules are told who their host is";
    expr = told;
    expected = {
      name = "reads-identity";
      tags = [ "frontend" ];
      wave = 2;
      parent = null;
      addresses = [ "reads-identity" ];
      inputs = [
        "nixpkgs"
        "self"
      ];
    };
  }
  {
    name = "a running host can say who it is";
    expr = builtins.fromJSON mixed.nixosConfigurations.good.config.environment.etc."infra/host.json".text;
    expected = {
      schema = 1;
      host = "good";
      class = "nixos";
    };
  }
  {
    name = "what only the CLI reads of host.toml does not change the system";
    expr =
      drvOf { } == drvOf {
        tags = [ "other" ];
        addresses = [ "10.0.0.1" ];
        user = "deploy";
        wave = 3;
      };
    expected = true;
  }
  {
    name = "all shared modules are in scope, or those the host lists";
    expr =
      let
        optionsOf = shared: (evaluators.evaluate (good // { inherit shared; })).configuration.options;
      in
      [
        (optionsOf null ? base && optionsOf null ? extra)
        (optionsOf [ "modules/base" ] ? base && !(optionsOf [ "modules/base" ] ? extra))
      ];
    expected = [
      true
      true
    ];
  }
]
