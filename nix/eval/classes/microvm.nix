# Class `microvm`: a NixOS guest, run by its `parent`. A guest is a host like any other; it only brings the options of microvm.nix.
{
  infraLib,
  inputs,
  evaluateNixos,
  ...
}:
let
  microvm = infraLib.requireInput {
    inherit inputs;
    name = "microvm";
    url = "github:microvm-nix/microvm.nix";
    for = "hosts of class `microvm`";
    where = "flake.nix";
  };
in
evaluateNixos [ microvm.nixosModules.microvm ]
