# One option declared in several modules, and declarations that are none.
{
  types,
  mkOption,
  evaluate,
  configOf,
  ...
}:
let
  decl = file: options: {
    _file = file;
    inherit options;
  };
in
{
  declared-twice-merges = {
    expr =
      let
        e = evaluate [
          (decl "one.nix" { a = mkOption { type = types.enum [ "x" ]; }; })
          (decl "two.nix" {
            a = mkOption {
              type = types.enum [ "y" ];
              description = "Both.";
            };
          })
          { a = "y"; }
        ];
      in
      {
        inherit (e.config) a;
        inherit (e.options.a) declarations description;
        type = e.options.a.type.description;
      };
    expected = {
      a = "y";
      declarations = [
        "two.nix"
        "one.nix"
      ];
      description = "Both.";
      type = ''one of "y", "x"'';
    };
  };
  declared-twice-without-type = {
    expr = configOf [
      { options.a = mkOption { type = types.int; }; }
      { options.a = mkOption { }; }
      { a = 1; }
    ];
    expected.a = 1;
  };
  declared-twice-two-defaults = {
    expr = configOf [
      (decl "one.nix" { a = mkOption { default = 1; }; })
      (decl "two.nix" { a = mkOption { default = 2; }; })
    ];
    error = [ "The option `a' in `one.nix' is already declared in `two.nix'." ];
  };
  declared-twice-two-descriptions = {
    expr = configOf [
      (decl "one.nix" { a = mkOption { description = "1"; }; })
      (decl "two.nix" { a = mkOption { description = "1"; }; })
      { a = 1; }
    ];
    error = [ "The option `a' in `one.nix' is already declared in `two.nix'." ];
  };
  declared-twice-two-types = {
    expr = configOf [
      (decl "one.nix" { a.b = mkOption { type = types.int; }; })
      (decl "two.nix" { a.b = mkOption { type = types.str; }; })
      { a.b = 1; }
    ];
    error = [ "The option `a.b' in `one.nix' is already declared in `two.nix'." ];
  };
  declared-as-option-and-as-set = {
    expr = configOf [
      (decl "one.nix" { a = mkOption { type = types.int; }; })
      (decl "two.nix" { a.b = mkOption { type = types.int; }; })
    ];
    error = [
      "The option `a' in module `one.nix' would be a parent of the following options, but its type `signed integer' does not support nested options."
      "- option(s) with prefix `a.b' in module `two.nix'"
    ];
  };
  declared-with-a-bare-type = {
    expr = configOf [ (decl "one.nix" { a = types.int; }) ];
    error = [
      "In module one.nix: expected an option declaration at option path `a` but got an attribute set with type option-type"
    ];
  };
  declared-not-a-set = {
    expr = configOf [ (decl "one.nix" { a.b = 1; }) { a.b.c = 1; } ];
    error = [
      "An option declaration for `a.b' has type `int' rather than an attribute set."
      "Did you mean to define this outside of `options'?"
    ];
  };
  options-nested-in-several-modules = {
    expr = configOf [
      { options.a.one = mkOption { default = 1; }; }
      { options.a.two = mkOption { default = 2; }; }
      { options.a.deep.three = mkOption { default = 3; }; }
    ];
    expected.a = {
      one = 1;
      two = 2;
      deep.three = 3;
    };
  };
}
