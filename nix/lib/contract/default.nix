# Contracts: what a host needs and offers, evaluated with `lib` alone. See nix/docs/contracts.md.
{
  lib,
  problem,
  nearest,
  plain,
  types,
  shared,
}:
let
  words = import ./options/words.nix {
    inherit lib;
    types = types.offered;
  };

  needName = import ./name.nix { };
  binds = import ./binds.nix { inherit lib; };
  positions = import ./positions.nix { inherit lib; };
  filled = import ./filled.nix { inherit lib problem; };
  elsewhere = import ./elsewhere.nix { inherit lib problem; };

  # The module with the options, for both planes.
  module = import ./options {
    inherit lib problem positions;
    types = types.offered;
  };

  problemsOf = import ./problems.nix {
    inherit
      lib
      nearest
      plain
      needName
      binds
      ;
    inherit (words) builtinRecipes;
  };

  manifest = import ./manifest.nix {
    inherit
      lib
      problem
      plain
      types
      positions
      problemsOf
      ;
    inherit (words) isNone;
  };

  evaluate = import ./evaluate.nix {
    inherit
      lib
      types
      shared
      elsewhere
      module
      ;
  };
in
{
  inherit
    binds
    filled
    manifest
    module
    needName
    ;

  disagreements = import ./agreement.nix { inherit lib; };

  # The plane of one host: { config; options; manifest; filled; }.
  plane =
    {
      root,
      host,
      filled,
    }:
    let
      evaluated = evaluate { inherit root host filled; };
    in
    evaluated
    // {
      inherit filled;
      manifest = manifest {
        host = host.name;
        root = toString root;
        inherit (evaluated) config options;
      };
    };
}
