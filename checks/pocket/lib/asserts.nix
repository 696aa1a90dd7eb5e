# Assertions that say what is wrong.
{ lib }:
let
  inherit (lib) all concatMapStringsSep elem filter showWarnings;
  show = lib.generators.toPretty { };
  assertMsg = pred: msg: pred || throw msg;
in
{
  inherit assertMsg;
  assertOneOf =
    name: value: valid:
    assertMsg (elem value valid) "${name} must be one of ${show valid}, but is: ${show value}";
  assertEachOneOf =
    name: values: valid:
    assertMsg (all (v: elem v valid) values) "each element in ${name} must be one of ${show valid}, but is: ${show values}";

  # What a configuration's `assertions` and `warnings` do to its result.
  checkAssertWarn =
    assertions: warnings: value:
    let
      failed = filter (a: !a.assertion) assertions;
    in
    if failed == [ ] then
      showWarnings warnings value
    else
      throw "\nFailed assertions:\n${concatMapStringsSep "\n" (a: "- ${a.message}") failed}";
}
