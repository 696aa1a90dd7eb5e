# What a declaration says, and what is said about wrong definitions.
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
}
