# Option types.
{ lib }:
builtins.foldl' (all: file: all // import file { inherit lib; }) { } [
  ./make.nix
  ./scalar.nix
  ./store.nix
  ./container.nix
  ./choice.nix
  ./tag.nix
  ./submodule.nix
]
