# Options as data for documentation, and how names, files and values are shown.
{
  lib,
  types,
  mkOption,
  evaluate,
  ...
}:
let
  documented =
    modules: lib.filter (o: lib.head o.loc != "_module") (lib.optionAttrSetToDocList (evaluate modules).options);
  names = modules: map (o: o.name) (lib.filter (o: o.visible && !o.internal) (documented modules));
  inside = types.submodule {
    options.shown = mkOption { };
    options.hidden = mkOption { visible = false; };
  };
in
{
  entry = {
    expr = documented [
      {
        _file = "decl.nix";
        options.a."b c" = mkOption {
          type = types.listOf types.int;
          default = [ 1 ];
          example = [ 2 ];
          description = "Numbers.";
          readOnly = true;
        };
      }
    ];
    expected = [
      {
        loc = [
          "a"
          "b c"
        ];
        name = "a.\"b c\"";
        description = "Numbers.";
        declarations = [ "decl.nix" ];
        internal = false;
        visible = true;
        readOnly = true;
        type = "list of signed integer";
        default = {
          _type = "literalExpression";
          text = "[\n  1\n]";
        };
        example = {
          _type = "literalExpression";
          text = "[\n  2\n]";
        };
      }
    ];
  };
  entry-texts = {
    expr =
      let
        entry = lib.head (documented [
          {
            options.a = mkOption {
              default = throw "never shown";
              defaultText = lib.literalExpression "pkgs.hello";
              example = lib.literalMD "see *there*";
            };
          }
        ]);
      in
      {
        inherit (entry)
          default
          example
          type
          description
          ;
      };
    expected = {
      default = {
        _type = "literalExpression";
        text = "pkgs.hello";
      };
      example = {
        _type = "literalMD";
        text = "see *there*";
      };
      type = "unspecified value";
      description = null;
    };
  };
  entry-empty-value-as-default = {
    expr = (lib.head (documented [ { options.a = mkOption { type = types.attrsOf types.int; }; } ])).default.text;
    expected = "{ }";
  };
  entry-without-default = {
    expr = (lib.head (documented [ { options.a = mkOption { type = types.int; }; } ])) ? default;
    expected = false;
  };
  failing-default-names-the-option = {
    expr = documented [ { options.a = mkOption { default = throw "no pkgs here"; }; } ];
    error = [
      "while evaluating the default value of option `a`"
      "no pkgs here"
    ];
  };
  submodules = {
    expr = names [
      {
        options = {
          set = mkOption { type = types.attrsOf inside; };
          list = mkOption { type = types.listOf inside; };
          one = mkOption { type = types.nullOr inside; };
          fn = mkOption { type = types.functionTo inside; };
        };
      }
    ];
    expected = [
      "fn"
      "fn.<function body>.shown"
      "list"
      "list.*.shown"
      "one"
      "one.shown"
      "set"
      "set.<name>.shown"
    ];
  };
  visibility = {
    expr = names [
      {
        options = {
          no = mkOption {
            type = inside;
            visible = false;
          };
          shallow = mkOption {
            type = inside;
            visible = "shallow";
          };
          transparent = mkOption {
            type = inside;
            visible = "transparent";
          };
          internal = mkOption {
            type = types.int;
            internal = true;
          };
        };
      }
    ];
    expected = [
      "shallow"
      "transparent.shown"
    ];
  };
  freeform-options = {
    expr = names [
      {
        options.a = mkOption {
          type = types.submodule {
            freeformType = types.attrsOf inside;
            options.known = mkOption { };
          };
        };
      }
    ];
    expected = [
      "a"
      "a.<name>.shown"
      "a.known"
    ];
  };
  sub-options-without-a-value = {
    # documentation is made of types whose modules cannot be evaluated
    expr = lib.attrNames (
      (types.submodule (
        { name, config, ... }:
        {
          options.a = mkOption { default = throw name; };
          config.missing = throw "never";
        }
      )).getSubOptions
        [ "x" ]
    );
    expected = [
      "_module"
      "a"
    ];
  };
  name-in-documentation = {
    expr =
      (lib.head (
        lib.filter (o: o.name == "x.<name>.n") (documented [
          {
            options.x = mkOption {
              type = types.attrsOf (types.submodule ({ name, ... }: { options.n = mkOption { default = name; }; }));
            };
          }
        ])
      )).default.text;
    expected = "\"‹name›\"";
  };
  attr-tag-options = {
    expr = names [
      { options.a = mkOption { type = types.attrTag { tag = mkOption { type = types.int; }; }; }; }
    ];
    expected = [
      "a"
      "a.tag"
    ];
  };

  show-option = {
    expr = map lib.showOption [
      [
        "a"
        "b"
      ]
      [
        "a.b"
        "2c"
        "d-e"
        "f'"
      ]
      [
        "x"
        "<name>"
        "*"
        "with"
        ""
        "\${y}"
      ]
      [ ]
    ];
    expected = [
      "a.b"
      "\"a.b\".\"2c\".d-e.f'"
      "x.<name>.*.\"with\".\"\".\"\\\${y}\""
      ""
    ];
  };
  show-files = {
    expr = map lib.showFiles [
      [ ]
      [ "a" ]
      [
        "a"
        "b"
      ]
    ];
    expected = [
      ""
      "`a'"
      "`a' and `b'"
    ];
  };
  show-defs = {
    expr = lib.options.showDefs [
      {
        file = "a.nix";
        value = "x";
      }
      {
        file = "b.nix";
        value = {
          a = [ 1 ];
          b = null;
          c = true;
          d = x: x;
        };
      }
      {
        file = "c.nix";
        value = throw "hidden";
      }
      {
        file = "d.nix";
        value = { f = { a, b ? 1 }: a; };
      }
    ];
    expected = ''

      - In `a.nix': "x"
      - In `b.nix':
          {
            a = [
              1
            ];
            b = null;
          ...
      - In `c.nix'
      - In `d.nix':
          {
            f = <function, args: {a, b?}>;
          }'';
  };
  show-option-with-locations = {
    expr = lib.showOptionWithDefLocs {
      loc = [
        "a"
        "b"
      ];
      files = [
        "one"
        "two"
      ];
    };
    expected = "a.b, with values defined in:\n  - one\n  - two\n";
  };
  literal-not-a-string = {
    expr = lib.literalExpression 1;
    error = [ "literalExpression expects a string." ];
  };
  literal-code = {
    expr = (lib.options.literalCode "sh" "ls").text;
    expected = "```sh\nls\n```\n";
  };
  scrub = {
    expr = lib.scrubOptionValue {
      a = [
        {
          type = "derivation";
          name = "p";
          drvPath = "/d";
          extra = 1;
        }
      ];
    };
    expected.a = [
      {
        type = "derivation";
        name = "p";
        drvPath = "p";
        outPath = "p";
      }
    ];
  };
}
