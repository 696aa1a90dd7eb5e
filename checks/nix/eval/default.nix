# The tests of nix/eval and nix/flake: what a repository evaluates to, and above all what it does not evaluate.
{ nixpkgs }:
let
  inherit (nixpkgs) lib;

  repository = import ../repository.nix { inherit nixpkgs; };

  files = [
    ./contracts.nix
    ./homes.nix
    ./index.nix
    ./modules.nix
    ./outputs.nix
    ./packages.nix
    ./systems.nix
  ];

  testsOf =
    file:
    map (test: test // { name = "${baseNameOf file}: ${test.name}"; }) (
      import file { inherit lib nixpkgs repository; }
    );
in
import ../outcomes.nix { inherit lib; } (lib.concatMap testsOf files)
