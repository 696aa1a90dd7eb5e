# `infra.lib.mkInfra { inherit inputs; root = ./.; }`: the outputs of a user's flake.
#
# Everything is lazy. What the CLI reads (`infra`) and the systems touch of nixpkgs only `lib.nixosSystem`; the outputs for people
# (`packages`, `apps`, `devShells`) look at `legacyPackages` when they are asked for.
{
  framework, # our own flake: { packages; }
  nixosModules,
}:
{ inputs, root }:
let
  nixpkgs =
    inputs.nixpkgs or (throw ''
      infra: the flake has no input `nixpkgs`
        where: flake.nix
        fix: add: inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
        code: missing-input'');

  inherit (nixpkgs) lib;

  eval = import ../eval {
    inherit lib inputs root;
    infraLib = import ../lib { inherit lib; };
    nixosModules = builtins.attrValues nixosModules;
  };

  perSystem = import ./per-system.nix { inherit lib nixpkgs; };

  # A host whose host.toml is wrong is kept: its own error is what one wants to read when one asks for it, and it must not take the
  # other hosts' names with it.
  isNixos =
    host:
    let
      class = builtins.tryEval host.class;
    in
    !class.success
    || builtins.elem class.value [
      "nixos"
      "microvm"
    ];

  isBuiltFor =
    system: host:
    let
      own = builtins.tryEval host.system;
    in
    own.success && own.value == system && isNixos host;
in
{
  infra = eval.wire;

  nixosConfigurations = builtins.mapAttrs (name: _: eval.systems.${name}.configuration) (
    lib.filterAttrs (_: isNixos) eval.hosts
  );

  homeConfigurations = eval.homes;

  # `nix flake check` evaluates and builds every system.
  checks = perSystem (
    { system, ... }:
    builtins.mapAttrs (name: _: eval.systems.${name}.toplevel) (
      lib.filterAttrs (_: isBuiltFor system) eval.hosts
    )
  );

  packages = perSystem ({ system, ... }: framework.packages.${system} or { });

  apps = perSystem ({ system, ... }: framework.apps.${system} or { });

  # `nix develop`: a shell with the `infra` of the framework's revision in flake.lock.
  devShells = perSystem (
    { system, pkgs }:
    lib.optionalAttrs (framework.packages.${system} or { } ? infra) {
      default = pkgs.mkShellNoCC { packages = [ framework.packages.${system}.infra ]; };
    }
  );
}
