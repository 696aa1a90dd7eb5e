# lib.nixosSystem: nixpkgs' interface over pocket's own system modules.
{ lib, packages }:
{ modules
, system ? null
, pkgs ? null
, specialArgs ? { }
, extraArgs ? { }
, extraModules ? [ ]
, baseModules ? import ./modules.nix
, modulesLocation ? (builtins.unsafeGetAttrPos "modules" args).file or null
, prefix ? [ ]
, ...
}@args:
let
  located = map (module: if modulesLocation == null then module else lib.setDefaultModuleLocation modulesLocation module) modules;

  platform = { lib, config, ... }: {
    _file = ./eval.nix;
    config = {
      _module.args = {
        pkgs = lib.mkForce config.nixpkgs.pkgs;
        pocketPackages = packages;
      } // extraArgs;
      nixpkgs = lib.optionalAttrs (system != null) { hostPlatform = lib.mkDefault system; }
        // lib.optionalAttrs (pkgs != null) { inherit pkgs; };
    };
  };

  evaluated = lib.evalModules {
    class = "nixos";
    inherit prefix;
    modules = baseModules ++ extraModules ++ [ platform ] ++ located;
    specialArgs = { modulesPath = toString ./.; } // specialArgs;
  };

  withExtras = result: result // {
    inherit (result.config.nixpkgs) pkgs;
    inherit lib extraArgs;
    extendModules = arg: withExtras (result.extendModules arg);
  };
in
withExtras evaluated
