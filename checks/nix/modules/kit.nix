# What the cases are written with.  `lib` is the library under test.
{ lib }:
let
  evaluate = modules: lib.evalModules { inherit modules; };
  configOf = modules: (evaluate modules).config;

  declare = type: {
    _file = "decl.nix";
    options.x = lib.mkOption { inherit type; };
  };

  # one module a value, in files d1.nix, d2.nix, ...
  define = lib.imap1 (
    n: value: {
      _file = "d${toString n}.nix";
      config.x = value;
    }
  );

  # Merging reads the modules last to first; reversed here, so that cases read like the merged value.
  merge = type: values: (configOf ([ (declare type) ] ++ lib.reverseList (define values))).x;
in
{
  inherit
    lib
    evaluate
    configOf
    declare
    define
    merge
    ;
  inherit (lib) types mkOption;
  fixtures = ./cases/fixtures;

  # whether a value of the type can be defined
  accepts = type: value: (builtins.tryEval (builtins.deepSeq (merge type [ value ]) true)).success;
  throws = value: !(builtins.tryEval (builtins.deepSeq value true)).success;
}
