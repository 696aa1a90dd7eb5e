# A missing flake input is an error with the line to add (its text: the group `errors`), and the others are never looked at.
{ infraLib, ... }:
let
  require =
    inputs:
    infraLib.requireInput {
      inherit inputs;
      name = "microvm";
      url = "github:microvm-nix/microvm.nix";
      for = "guests";
      where = "flake.nix";
    };
in
[
  {
    name = "there";
    expr = require {
      microvm = 1;
      self = throw "forced";
    };
    expected = 1;
  }
  {
    name = "not there";
    expr = (builtins.tryEval (require { })).success;
    expected = false;
  }
]
