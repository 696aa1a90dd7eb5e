# What mkInfra makes of a fixture. `nixpkgs` is the evaluated flake; `self` must never be looked at.
{ nixpkgs }:
{
  root,
  inputs ? { },
}:
import ../../nix/flake/mk-infra.nix
  {
    # The packages are the business of the group `flakes`; here they are absent.
    framework = { };
    nixosModules = import ../../modules;
  }
  {
    inherit root;
    inputs = {
      inherit nixpkgs;
      self = throw "inputs.self was forced";
    }
    // inputs;
  }
