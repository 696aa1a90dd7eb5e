# What must not be evaluated.  A forced `throw` makes these cases fail.
{
  lib,
  types,
  mkOption,
  evaluate,
  configOf,
  declare,
  throws,
  ...
}:
let
  never = throw "forced";
  pick = names: set: lib.getAttrs names set;
in
{
  other-options = {
    expr =
      (configOf [
        {
          options.a = mkOption { type = types.int; };
          options.b = mkOption { type = types.int; };
        }
        {
          a = 1;
          b = never;
        }
      ]).a;
    expected = 1;
  };
  other-options-are-still-checked-when-read = {
    expr = throws (
      (configOf [
        { options.b = mkOption { type = types.int; }; }
        { b = never; }
      ]).b
    );
    expected = true;
  };
  defaults = {
    expr =
      (configOf [
        {
          options.a = mkOption {
            type = types.int;
            default = never;
          };
        }
        { a = 1; }
      ]).a;
    expected = 1;
  };
  types-of-other-options = {
    expr =
      (configOf [
        {
          options.a = mkOption { type = types.int; };
          options.b = mkOption { type = never; };
        }
        { a = 1; }
      ]).a;
    expected = 1;
  };
  descriptions = {
    expr =
      (configOf [
        {
          options.a = mkOption {
            description = never;
            example = never;
            defaultText = never;
            default = 1;
          };
        }
      ]).a;
    expected = 1;
  };
  content-of-a-false-condition = {
    expr =
      (configOf [
        { options.a = mkOption { default = 1; }; }
        { a = lib.mkIf false never; }
      ]).a;
    expected = 1;
  };
  conditions-of-other-options = {
    expr =
      (configOf [
        {
          options.a = mkOption { default = 1; };
          options.b = mkOption { default = 2; };
        }
        { b = lib.mkIf never 3; }
      ]).a;
    expected = 1;
  };
  losing-priority = {
    expr =
      (configOf [
        { options.a = mkOption { type = types.int; }; }
        { a = lib.mkForce 1; }
        { a = lib.mkDefault never; }
      ]).a;
    expected = 1;
  };
  list-entries = {
    expr = lib.length (
      (configOf [
        (declare (types.listOf types.raw))
        {
          # only the outside of an entry is looked at, for properties
          x = [
            { deep = never; }
            [ never ]
          ];
        }
      ]).x
    );
    expected = 2;
  };
  attrs-of-values = {
    expr =
      (configOf [
        (declare (types.attrsOf (types.submodule { options.v = mkOption { }; })))
        {
          x.a.v = 1;
          x.b.v = never;
        }
      ]).x.a.v;
    expected = 1;
  };
  attrs-of-forces-definitions-for-names = {
    expr = throws (
      (configOf [
        (declare (types.attrsOf types.int))
        {
          x.a = 1;
          x.b = never;
        }
      ]).x.a
    );
    expected = true;
  };
  lazy-attrs-of-does-not = {
    expr =
      (configOf [
        (declare (types.lazyAttrsOf types.int))
        {
          x.a = 1;
          x.b = never;
        }
      ]).x.a;
    expected = 1;
  };
  lazy-attrs-of-refers-to-itself = {
    expr =
      (configOf [
        (declare (types.lazyAttrsOf types.int))
        ({ config, ... }: {
          x = {
            a = 1;
            b = config.x.a + 1;
          };
        })
      ]).x;
    expected = {
      a = 1;
      b = 2;
    };
  };
  attrs-of-with-a-default-per-name = {
    expr =
      (configOf [
        (declare (types.attrsOf types.int))
        ({ config, ... }: { x.a = if config.x ? b then 1 else 2; })
      ]).x;
    error = [ "infinite recursion encountered" ];
  };
  submodule-options = {
    expr =
      (configOf [
        (declare (
          types.submodule {
            options.a = mkOption { };
            options.b = mkOption { };
          }
        ))
        {
          x.a = 1;
          x.b = never;
        }
      ]).x.a;
    expected = 1;
  };
  raw-values = {
    expr = lib.attrNames (
      (configOf [
        (declare types.raw)
        { x.deep = never; }
      ]).x
    );
    expected = [ "deep" ];
  };
  module-arguments = {
    expr =
      (configOf [
        { options.a = mkOption { default = 1; }; }
        ({ unused, ... }: { })
        { _module.args.unused = never; }
      ]).a;
    expected = 1;
  };
  special-arguments = {
    expr =
      (lib.evalModules {
        modules = [ ({ unused, ... }: { options.a = mkOption { default = 1; }; }) ];
        specialArgs.unused = never;
      }).config;
    expected.a = 1;
  };
  options-without-values = {
    expr =
      let
        e = evaluate [
          {
            options.a = mkOption {
              type = types.int;
              default = never;
            };
          }
        ];
      in
      [
        e.options.a.loc
        e.options.a.type.name
        e.options.a.declarations
      ];
    expected = [
      [ "a" ]
      "int"
      [ "<unknown-file>" ]
    ];
  };
  cycle-through-two-options = {
    expr = configOf [
      {
        options.a = mkOption { type = types.int; };
        options.b = mkOption { type = types.int; };
      }
      ({ config, ... }: {
        a = config.b;
        b = config.a;
      })
    ];
    error = [ "infinite recursion encountered" ];
  };
  apply-refers-to-other-options = {
    expr = configOf [
      (
        { config, ... }:
        {
          options.a = mkOption {
            type = types.int;
            apply = a: a + config.b;
          };
          options.b = mkOption { default = 10; };
        }
      )
      { a = 1; }
    ];
    expected = {
      a = 11;
      b = 10;
    };
  };
  default-refers-to-other-options = {
    expr = pick [ "url" ] (configOf [
      (
        { config, ... }:
        {
          options.host = mkOption { default = "h"; };
          options.port = mkOption {
            type = types.port;
            default = 80;
          };
          options.url = mkOption { default = "${config.host}:${toString config.port}"; };
        }
      )
      { port = 81; }
    ]);
    expected.url = "h:81";
  };
  to-pretty-of-package-sets = {
    # a set of packages is shown by its derivations' names, never evaluated to its end
    expr = lib.generators.toPretty { multiline = false; } {
      p = {
        type = "derivation";
        name = "p-1";
        drvPath = never;
        outPath = never;
      };
    };
    expected = "{ p = <derivation p-1>; }";
  };
  unused-types-in-either = {
    expr =
      (configOf [
        (declare (types.either types.int never))
        { x = 1; }
      ]).x;
    expected = 1;
  };
  is-derivation = {
    expr = lib.isDerivation {
      type = "derivation";
      outPath = never;
    };
    expected = true;
  };
}
