# The tests of nix/lib as data. Yields how many there are, and the failures: [ { test; got; expected; } ].
#
#   nix eval --impure --expr 'import ./checks/nix/unit { lib = (builtins.getFlake "nixpkgs").lib; }'
{ lib }:
let
  infraLib = import ../../../nix/lib { inherit lib; };

  files = [
    ./nearest.nix
    ./host-name.nix
    ./folders.nix
    ./settings.nix
    ./shared.nix
    ./host.nix
    ./problem.nix
    ./require-input.nix
  ];

  testsOf =
    file:
    map (test: test // { file = baseNameOf file; }) (import file { inherit lib infraLib; });

  tests = lib.concatMap testsOf files;

  # A throw is a failure of its test, not of the run. What should throw is tested with its text in checks/nix/errors.
  outcome =
    test:
    let
      got = builtins.tryEval (builtins.deepSeq test.expr test.expr);
    in
    {
      test = "${test.file}: ${test.name}";
      inherit (test) expected;
      got = if got.success then got.value else "(throws)";
    };
in
{
  count = builtins.length tests;
  failures = builtins.filter (test: test.got != test.expected) (map outcome tests);
}
