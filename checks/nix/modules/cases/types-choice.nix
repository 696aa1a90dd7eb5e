# Types of values that may be one thing or another, and types made by hand.
{
  lib,
  types,
  mkOption,
  configOf,
  merge,
  accepts,
  ...
}:
{
  null-or = {
    expr = [
      (merge (types.nullOr types.int) [
        null
        null
      ])
      (merge (types.nullOr types.int) [ 1 ])
      (merge (types.nullOr (types.listOf types.int)) [
        [ 1 ]
        [ 2 ]
      ])
    ];
    expected = [
      null
      1
      [
        1
        2
      ]
    ];
  };
  null-or-both = {
    expr = merge (types.nullOr types.int) [
      null
      1
    ];
    error = [ "The option `x` is defined both null and not null, in `d1.nix' and `d2.nix'." ];
  };
  null-or-wrong = {
    expr = merge (types.nullOr types.int) [ "a" ];
    error = [ "A definition for option `x' is not of type `null or signed integer'. Definition values: - In `d1.nix': \"a\"" ];
  };

  enum = {
    expr = merge (types.enum [
      "a"
      1
      true
    ]) [ "b" ];
    error = [
      ''A definition for option `x' is not of type `one of "a", 1, true'. Definition values:''
      "- In `d1.nix': \"b\""
    ];
  };
  enum-descriptions = {
    expr = map (values: (types.enum values).description) [
      [ ]
      [ "a" ]
      [
        "a"
        null
      ]
    ];
    expected = [
      "impossible (empty enum)"
      "value \"a\" (singular enum)"
      "one of \"a\", <null>"
    ];
  };

  either = {
    expr = [
      (merge (types.either types.int types.str) [ "a" ])
      (merge (types.either (types.listOf types.int) types.int) [
        [ 1 ]
        [ 2 ]
      ])
    ];
    expected = [
      "a"
      [
        1
        2
      ]
    ];
  };
  either-neither = {
    expr = merge (types.either types.int types.str) [ [ ] ];
    error = [
      "A definition for option `x' is not of type `signed integer or string'."
      "The option `x` is neither a value of type `signed integer` nor `string`, Definition values:"
      "- In `d1.nix': [ ]"
    ];
  };
  either-mixed-definitions = {
    expr = merge (types.either types.int types.str) [
      1
      "a"
    ];
    error = [ "The option `x` is neither a value of type `signed integer` nor `string`" ];
  };
  one-of = {
    expr = [
      (map
        (accepts (
          types.oneOf [
            types.int
            types.bool
            (types.enum [ "auto" ])
          ]
        ))
        [
          1
          true
          "auto"
          "other"
        ]
      )
      (types.oneOf [
        types.int
        types.bool
        types.str
      ]).description
    ];
    expected = [
      [
        true
        true
        true
        false
      ]
      "signed integer or boolean or string"
    ];
  };

  coerced-to = {
    expr = merge (types.coercedTo types.int toString types.str) [ 5 ];
    expected = "5";
  };
  coerced-to-final-kept = {
    expr = merge (types.coercedTo types.str lib.singleton (types.listOf types.str)) [
      "a"
      [
        "b"
        "c"
      ]
    ];
    expected = [
      "a"
      "b"
      "c"
    ];
  };
  coerced-to-wrong = {
    expr = merge (types.coercedTo types.int toString types.str) [ true ];
    error = [
      "A definition for option `x' is not of type `string or signed integer convertible to it'."
      "- In `d1.nix': true"
    ];
  };
  coerced-to-submodule = {
    expr = merge (types.coercedTo types.str (path: { inherit path; }) (
      types.submodule { options.path = mkOption { type = types.str; }; }
    )) [ "a" ];
    expected.path = "a";
  };
  coerced-from-submodule = {
    expr = (types.coercedTo (types.submodule { }) (x: x) types.str).name;
    error = [ "coercedTo: coercedType must not have submodules" ];
  };

  add-check = {
    expr = [
      (accepts (types.addCheck types.int (n: n > 5)) 6)
      (accepts (types.addCheck types.int (n: n > 5)) 5)
      (accepts (types.addCheck (types.listOf types.int) (l: lib.length l == 2)) [ 1 ])
      (accepts (types.addCheck (types.attrsOf types.int) (s: s ? a)) { a = 1; })
    ];
    expected = [
      true
      false
      false
      true
    ];
  };
  add-check-wrong = {
    expr = merge (types.addCheck (types.listOf types.int) (l: l != [ ])) [ [ ] ];
    error = [ "A definition for option `x' is not of type `list of signed integer'. TypeError: Definition values: - In `d1.nix': [ ]" ];
  };
  replaced-check = {
    expr = merge (types.listOf types.int // { check = lib.isList; }) [ [ 1 ] ];
    error = [
      "The option `x' has a type `list of signed integer' that uses"
      "Please use `lib.types.addCheck`"
    ];
  };

  attr-tag = {
    expr = merge (types.attrTag {
      port = mkOption { type = types.port; };
      socket = mkOption { type = types.path; };
    }) [ { port = 80; } ];
    expected.port = 80;
  };
  attr-tag-two = {
    expr = merge (types.attrTag {
      a = mkOption { type = types.int; };
      b = mkOption { type = types.int; };
    }) [
      { a = 1; }
      { b = 2; }
    ];
    error = [ "The option `x` is defined both as `a` and `b`, in `d1.nix' and `d2.nix'." ];
  };
  attr-tag-unknown = {
    expr = merge (types.attrTag { a = mkOption { type = types.int; }; }) [ { c = 1; } ];
    error = [
      "A definition for option `x' is not of type `attribute-tagged union with choices: a'. Definition values:"
      "- In `d1.nix': { c = 1; }"
    ];
  };
  attr-tag-wrong-value = {
    expr = merge (types.attrTag { a = mkOption { type = types.int; }; }) [ { a = "1"; } ];
    error = [ "A definition for option `x.a' is not of type `signed integer'. Definition values: - In `d1.nix': \"1\"" ];
  };
  attr-tag-bare-type = {
    expr = (types.attrTag { a = types.int; }).description;
    expected = "attribute-tagged union with choices: a";
  };
  attr-tag-bare-type-used = {
    expr = merge (types.attrTag { a = types.int; }) [ { a = 1; } ];
    error = [ "In attrTag, each tag value must be an option, but tag a was a bare type, not wrapped in mkOption." ];
  };

  option-type = {
    expr =
      let
        config = configOf [
          {
            options.t = mkOption { type = types.optionType; };
            options.v = mkOption { };
          }
          { t = types.submodule { options.a = mkOption { default = 1; }; }; }
          { t = types.submodule { options.b = mkOption { default = 2; }; }; }
        ];
      in
      merge config.t [ { a = 5; } ];
    expected = {
      a = 5;
      b = 2;
    };
  };
  option-declaration = {
    expr = map (accepts types.optionDeclaration) [
      (mkOption { })
      types.int
    ];
    expected = [
      true
      false
    ];
  };
  own-type = {
    expr = merge (lib.mkOptionType {
      name = "sum";
      check = lib.isInt;
      merge = _loc: defs: lib.foldl' (sum: def: sum + def.value) 0 defs;
    }) [
      1
      2
      3
    ];
    expected = 6;
  };
  own-type-default-description = {
    expr = merge (lib.mkOptionType {
      name = "even";
      check = n: lib.mod n 2 == 0;
    }) [ 3 ];
    error = [ "A definition for option `x' is not of type `even'. Definition values: - In `d1.nix': 3" ];
  };
  json-type = {
    expr = [
      (accepts types.json {
        a = [
          1
          null
          "s"
          { b = true; }
        ];
      })
      (accepts types.toml { a = [ 1 ]; })
      (accepts types.toml { a = null; })
      types.json.description
    ];
    expected = [
      true
      true
      false
      "JSON value"
    ];
  };
}
