# `nix flake check` of the framework: the packages build (which runs their tests), and the tests of nix/lib pass.
#
# What needs a store, a network namespace or a real host is not here but in checks/test: a build sandbox has none of them.
{
  lib,
  pkgs,
  packages,
}:
let
  inherit (import ../../checks/nix/unit { inherit lib; }) failures;

  unit =
    if failures == [ ] then
      pkgs.runCommand "nix-unit" { } "touch $out"
    else
      throw "checks/nix/unit: ${builtins.toJSON failures}";
in
removeAttrs packages [ "default" ] // lib.optionalAttrs (pkgs ? runCommand) { nix-unit = unit; }
