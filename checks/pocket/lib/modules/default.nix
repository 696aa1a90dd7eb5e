# The module system.  Each file adds its functions to `lib.modules`; they find each other there.
{ lib }:
let
  parts = map (file: import file { inherit lib; }) [
    ./properties.nix
    ./definitions.nix
    ./declarations.nix
    ./tree.nix
    ./syntax.nix
    ./collect.nix
    ./internal.nix
    ./errors.nix
    ./eval.nix
    ./alias.nix
  ];
in
builtins.foldl' (all: part: all // part) { } parts
// {
  # A module in a file that takes an argument first, without losing the file's name.
  importApply =
    path: argument: lib.modules.setDefaultModuleLocation path (import path argument);

  importJSON = file: {
    _file = file;
    config = lib.importJSON file;
  };

  importTOML = file: {
    _file = file;
    config = lib.importTOML file;
  };
}
