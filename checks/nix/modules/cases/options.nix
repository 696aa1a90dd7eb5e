# Declarations of options, and what is said about wrong definitions.
{
  lib,
  types,
  mkOption,
  evaluate,
  configOf,
  merge,
  fixtures,
  ...
}:
let
  at = file: config: {
    _file = file;
    inherit config;
  };
  decl = file: options: {
    _file = file;
    inherit options;
  };
  many = lib.genAttrs (map (n: "option${toString n}") (lib.range 100 250)) (_: mkOption { default = 1; });
in
{
  default = {
    expr = configOf [ { options.a.b = mkOption { default = 1; }; } ];
    expected.a.b = 1;
  };
  default-gives-way = {
    expr = configOf [
      { options.a = mkOption { default = 1; }; }
      { a = 2; }
    ];
    expected.a = 2;
  };
  default-merges-with-nothing = {
    expr = configOf [
      {
        options.a = mkOption {
          type = types.listOf types.int;
          default = [ 1 ];
        };
      }
      { a = [ 2 ]; }
    ];
    expected.a = [ 2 ];
  };
  default-is-checked = {
    expr = configOf [
      (decl "decl.nix" {
        a = mkOption {
          type = types.int;
          default = "text";
        };
      })
    ];
    error = [
      "A definition for option `a' is not of type `signed integer'. Definition values:"
      "- In `decl.nix': \"text\""
    ];
  };
  apply = {
    expr = configOf [
      {
        options.a = mkOption {
          type = types.listOf types.str;
          apply = lib.concatStringsSep "-";
        };
      }
      {
        a = [
          "x"
          "y"
        ];
      }
    ];
    expected.a = "x-y";
  };
  apply-sees-the-default = {
    expr = configOf [
      {
        options.a = mkOption {
          default = 1;
          apply = n: n + 1;
        };
      }
    ];
    expected.a = 2;
  };
  enable-option = {
    expr =
      let
        option = lib.mkEnableOption "the thing";
      in
      {
        inherit (option) default example description;
        type = option.type.name;
      };
    expected = {
      default = false;
      example = true;
      description = "Whether to enable the thing.";
      type = "bool";
    };
  };
  option-with-unknown-attribute = {
    expr = mkOption { defalt = 1; };
    error = [ "unexpected argument 'defalt'" ];
  };
  package-option = {
    expr =
      let
        drv = {
          type = "derivation";
          name = "hello-1";
          outPath = "/hello";
        };
        option = lib.mkPackageOption { nested.hello = drv; } "hello" {
          default = [
            "nested"
            "hello"
          ];
          extraDescription = "More.";
          example = [ "other" ];
        };
      in
      {
        inherit (option) defaultText example description;
        type = option.type.name;
        default = option.default.name;
      };
    expected = {
      default = "hello-1";
      defaultText = {
        _type = "literalExpression";
        text = "pkgs.nested.hello";
      };
      example = {
        _type = "literalExpression";
        text = "pkgs.other";
      };
      description = "The hello package to use. More.";
      type = "package";
    };
  };
  package-option-nullable = {
    expr =
      let
        option = lib.mkPackageOption { } "x" {
          nullable = true;
          default = null;
        };
      in
      [
        option.default
        option.type.name
      ];
    expected = [
      null
      "nullOr"
    ];
  };
  package-option-missing = {
    expr = (lib.mkPackageOption { } [ "a" "b" ] { pkgsText = "mine"; }).default;
    error = [ "a.b cannot be found in mine" ];
  };
  sink = {
    expr = configOf [
      { options.sink = lib.mkSinkUndeclaredOptions { }; }
      { sink.any.thing = 1; }
      { options.a = mkOption { default = 1; }; }
    ] // { sink = null; };
    expected = {
      a = 1;
      sink = null;
    };
  };

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

  read-only-default = {
    expr = configOf [
      {
        options.a = mkOption {
          default = 1;
          readOnly = true;
        };
      }
    ];
    expected.a = 1;
  };
  read-only-set-once = {
    expr = configOf [
      { options.a = mkOption { readOnly = true; }; }
      { a = 1; }
    ];
    expected.a = 1;
  };
  read-only-set-twice = {
    expr = configOf [
      (decl "decl.nix" {
        a = mkOption {
          type = types.int;
          default = 1;
          readOnly = true;
        };
      })
      (at "user.nix" { a = 2; })
    ];
    error = [
      "The option `a' is read-only, but it's set multiple times. Definition values:"
      "- In `decl.nix': 1"
      "- In `user.nix': 2"
    ];
  };
  read-only-forced = {
    expr = configOf [
      { options.a = mkOption { readOnly = true; }; }
      (at "one.nix" { a = 1; })
      (at "two.nix" { a = lib.mkForce 2; })
    ];
    error = [ "The option `a' is read-only, but it's set multiple times." ];
  };
  no-value = {
    expr = configOf [ { options.a.b = mkOption { type = types.int; }; } ];
    error = [
      "while evaluating the option `a.b':"
      "The option `a.b' was accessed but has no value defined. Try setting the option."
    ];
  };
  no-value-but-an-empty-one = {
    expr = configOf [
      {
        options = {
          list = mkOption { type = types.listOf types.int; };
          set = mkOption { type = types.attrsOf types.int; };
          null = mkOption { type = types.nullOr types.int; };
          sub = mkOption { type = types.submodule { options.a = mkOption { default = 1; }; }; };
        };
      }
    ];
    expected = {
      list = [ ];
      set = { };
      null = null;
      sub.a = 1;
    };
  };

  unknown-option = {
    expr = configOf [
      { options.services.web.enable = lib.mkEnableOption "web"; }
      (at "host.nix" { services.web.enabel = true; })
    ];
    error = [
      "The option `services.web.enabel' does not exist. Definition values:"
      "- In `host.nix': true"
      "Did you mean `services.web.enable'?"
    ];
  };
  unknown-option-several-suggestions = {
    expr = configOf [
      {
        options = {
          port = mkOption { default = 1; };
          host = mkOption { default = 1; };
          part = mkOption { default = 1; };
          zzzzzzzz = mkOption { default = 1; };
        };
      }
      (at "f.nix" { porr = 1; })
    ];
    error = [ "Did you mean `port', `part' or `host'?" ];
  };
  unknown-option-among-many = {
    expr = configOf [
      { options = many; }
      (at "f.nix" { option1O5 = 1; })
    ];
    error = [
      "The option `option1O5' does not exist."
      "Did you mean `option105', `option115' or `option125'?"
    ];
  };
  unknown-option-nothing-near-among-many = {
    expr = configOf [
      { options = many; }
      (at "f.nix" { unrelated = 1; })
    ];
    error = [ "The option `unrelated' does not exist. Definition values: - In `f.nix': 1" ];
  };
  unknown-option-no-options-at-all = {
    expr = configOf [ (at "f.nix" { a.b = 1; }) ];
    error = [
      "The option `a' does not exist. Definition values:"
      "- In `f.nix': { b = 1; }"
      "It seems as if you're trying to declare an option by placing it into `config' rather than `options'!"
    ];
  };
  unknown-option-under-mkif = {
    expr = configOf [
      { options.a = mkOption { default = 1; }; }
      (at "f.nix" (lib.mkIf false { b = 1; }))
    ];
    error = [ "The option `b' does not exist." ];
  };
  unknown-option-quoted = {
    expr = configOf [
      { options.a."x.y" = mkOption { default = 1; }; }
      (at "f.nix" { a."x.z" = 1; })
    ];
    error = [ ''The option `a."x.z"' does not exist.'' ''Did you mean `a."x.y"'?'' ];
  };
  set-expected = {
    expr = configOf [
      { options.a.b = mkOption { default = 1; }; }
      (at "f.nix" { a = 5; })
    ];
    error = [
      "In module `f.nix', you're trying to define a value of type `int'"
      "rather than an attribute set for the option"
      "`a'!"
    ];
  };
  file-of-a-module-in-a-file = {
    expr = configOf [
      (fixtures + "/int-option.nix")
      (fixtures + "/sets-n-wrong.nix")
    ];
    error = [
      "A definition for option `n' is not of type `signed integer'. Definition values:"
      "- In `${toString fixtures}/sets-n-wrong.nix': \"one\""
    ];
  };
  file-unknown = {
    expr = configOf [
      { options.n = mkOption { type = types.int; }; }
      { n = "x"; }
    ];
    error = [ "- In `<unknown-file>': \"x\"" ];
  };
  only-wrong-definitions-are-shown = {
    expr = merge types.int [
      1
      "two"
    ];
    error = [ "not of type `signed integer'. Definition values: - In `d2.nix': \"two\"" ];
  };
  long-values-are-cut = {
    expr = merge types.int [
      {
        a = 1;
        b = 2;
        c = 3;
        d = 4;
        e = 5;
        f = 6;
      }
    ];
    error = [ "- In `d1.nix': { a = 1; b = 2; c = 3; d = 4; ..." ];
  };
  failing-values-are-left-out = {
    expr = configOf [
      { options.a = mkOption { default = 1; }; }
      (at "f.nix" { b = throw "inner"; })
    ];
    error = [ "The option `b' does not exist. Definition values: - In `f.nix' Did you mean `a'?" ];
  };

  option-attributes = {
    expr =
      let
        e = evaluate [
          (decl "decl.nix" {
            a.b = mkOption {
              type = types.listOf types.int;
              default = [ ];
            };
          })
          (at "one.nix" { a.b = [ 1 ]; })
          (at "two.nix" { a.b = lib.mkIf true [ 2 ]; })
        ];
        option = e.options.a.b;
      in
      {
        inherit (option)
          loc
          value
          files
          definitions
          isDefined
          highestPrio
          declarations
          ;
        name = "${option}";
      };
    expected = {
      loc = [
        "a"
        "b"
      ];
      value = [
        2
        1
      ];
      files = [
        "two.nix"
        "one.nix"
      ];
      definitions = [
        [ 2 ]
        [ 1 ]
      ];
      isDefined = true;
      highestPrio = 100;
      declarations = [ "decl.nix" ];
      name = "a.b";
    };
  };
  option-undefined = {
    expr =
      let
        e = evaluate [
          { options.a = mkOption { }; }
          { options.b = mkOption { default = 1; }; }
        ];
      in
      [
        e.options.a.isDefined
        e.options.b.isDefined
        e.options.b.highestPrio
      ];
    expected = [
      false
      true
      1500
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

  freeform = {
    expr = configOf [
      {
        freeformType = types.attrsOf types.int;
        options.known = mkOption {
          type = types.str;
          default = "yes";
        };
      }
      { other = 1; }
      { more = lib.mkIf true 2; }
    ];
    expected = {
      known = "yes";
      other = 1;
      more = 2;
    };
  };
  freeform-nested = {
    expr = configOf [
      {
        freeformType = types.attrsOf (types.attrsOf types.int);
        options.a.known = mkOption { default = 0; };
      }
      { a.other = 1; }
      { b.x = 2; }
    ];
    expected = {
      a = {
        known = 0;
        other = 1;
      };
      b.x = 2;
    };
  };
  freeform-wrong-value = {
    expr = configOf [
      { freeformType = types.attrsOf types.int; }
      (at "f.nix" { other = "text"; })
    ];
    error = [
      "A definition for option `other' is not of type `signed integer'. Definition values:"
      "- In `f.nix': \"text\""
    ];
  };
  freeform-declared-twice = {
    expr = configOf [
      { freeformType = types.attrsOf (types.enum [ "a" ]); }
      { freeformType = types.attrsOf (types.enum [ "b" ]); }
      {
        x = "a";
        y = "b";
      }
    ];
    expected = {
      x = "a";
      y = "b";
    };
  };
  freeform-lazy-reads-itself = {
    expr = configOf [
      { freeformType = types.lazyAttrsOf types.int; }
      ({ config, ... }: {
        a = 1;
        b = config.a + 1;
      })
    ];
    expected = {
      a = 1;
      b = 2;
    };
  };
}
