# Options: declared, merged, shown, documented.
{ lib }:
builtins.foldl' (all: file: all // import file { inherit lib; }) { } [
  ./declare.nix
  ./merge.nix
  ./show.nix
  ./docs.nix
]
