# The tests of nix/lib. They need nixpkgs' `lib` and nothing else, like the room they test.
#
#   nix eval --impure --expr 'import ./checks/nix/unit { lib = (builtins.getFlake "nixpkgs").lib; }'
{ lib }:
let
  infraLib = import ../../../nix/lib { inherit lib; };

  files = [
    ./declared-inputs.nix
    ./contract.nix
    ./folders.nix
    ./host-name.nix
    ./host.nix
    ./nearest.nix
    ./problem.nix
    ./require-input.nix
    ./settings.nix
    ./shared.nix
    ./types.nix
  ];

  testsOf =
    file:
    map (test: test // { name = "${baseNameOf file}: ${test.name}"; }) (
      import file { inherit lib infraLib; }
    );
in
import ../outcomes.nix { inherit lib; } (lib.concatMap testsOf files)
