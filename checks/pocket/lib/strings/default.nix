# Strings.
{ lib }:
builtins.foldl' (all: file: all // import file { inherit lib; }) { } [
  ./build.nix
  ./inspect.nix
  ./escape.nix
  ./convert.nix
  ./distance.nix
]
