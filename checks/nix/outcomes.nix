# Runs tests that are data: [ { name; expr; expected; } ]. Yields how many there were, and the failures: [ { test; got; expected; } ].
{ lib }:
tests:
let
  # A throw is a failure of its test, not of the run. What should throw is tested with its text by the group `errors`.
  outcome =
    test:
    let
      got = builtins.tryEval (builtins.deepSeq test.expr test.expr);
    in
    {
      test = test.name;
      inherit (test) expected;
      got = if got.success then got.value else "(throws)";
    };
in
{
  count = builtins.length tests;
  failures = builtins.filter (test: test.got != test.expected) (map outcome tests);
}
