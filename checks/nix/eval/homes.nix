# Homes and guests, with stand-ins for home-manager and microvm.nix: what we hand to them is ours, what they do with it is theirs.
{ nixpkgs, repository, ... }:
let
  home-manager.lib.homeManagerConfiguration =
    {
      pkgs,
      modules,
      extraSpecialArgs,
    }:
    let
      inherit (nixpkgs.lib.types) anything lazyAttrsOf;
      inherit
        (nixpkgs.lib.evalModules {
          modules = modules ++ [ { _module.freeformType = lazyAttrsOf anything; } ];
          specialArgs = extraSpecialArgs;
        })
        config
        ;
    in
    {
      inherit config;
      activationPackage = derivation {
        name = "home-${config.home.username}";
        system = extraSpecialArgs.infra.system;
        builder = "/bin/sh";
      };
    };

  microvm.nixosModules.microvm =
    { lib, ... }:
    {
      options.microvm.vcpu = lib.mkOption {
        type = lib.types.int;
        default = 1;
      };
    };

  mixed = repository {
    root = ../fixtures/mixed;
    inputs = { inherit home-manager microvm; };
  };
in
[
  {
    name = "a home for each user on each host, named as home-manager looks them up";
    expr = [
      (mixed.homeConfigurations ? "anna@good")
      (mixed.homeConfigurations ? "bert@good")
    ];
    expected = [
      true
      false
    ];
  }
  {
    name = "names cost nothing, even without home-manager and with broken hosts";
    expr = (repository { root = ../fixtures/mixed; }).homeConfigurations ? "anna@several-mistakes";
    expected = true;
  }
  {
    name = "the user's home.nix, the shared ones, and the defaults";
    expr = mixed.homeConfigurations."anna@good".config;
    expected = {
      shell = "fish";
      desktop = true;
      home = {
        username = "anna";
        homeDirectory = "/home/anna";
      };
    };
  }
  {
    name = "a host of class home is its user's home";
    expr =
      let
        inherit (mixed.infra.hosts.home) system;
      in
      {
        inherit (system) class;
        name = builtins.substring 44 (-1) system.toplevel.out;
      };
    expected = {
      class = "home";
      name = "home-anna";
    };
  }
  {
    name = "a guest is a NixOS host with the options of microvm.nix";
    expr = {
      inherit (mixed.nixosConfigurations.guest.config.microvm) vcpu;
      inherit (mixed.infra.hosts.guest.system) class;
    };
    expected = {
      vcpu = 1;
      class = "microvm";
    };
  }
  {
    name = "other hosts do not have them";
    expr = mixed.nixosConfigurations.good.options ? microvm;
    expected = false;
  }
]
