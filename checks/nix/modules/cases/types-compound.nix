# Types around types, what they are called, and how two of them merge.
{
  lib,
  types,
  mkOption,
  evaluate,
  merge,
  accepts,
  ...
}:
{
  list-of = {
    expr = merge (types.listOf types.int) [
      [
        1
        2
      ]
      [ 3 ]
    ];
    expected = [
      1
      2
      3
    ];
  };
  list-of-wrong-entry = {
    expr = merge (types.listOf types.int) [
      [ 1 ]
      [
        2
        "three"
      ]
    ];
    error = [
      "A definition for option `x.\"[definition 2-entry 2]\"' is not of type `signed integer'. Definition values:"
      "- In `d2.nix': \"three\""
    ];
  };
  list-of-not-a-list = {
    expr = merge (types.listOf types.int) [ 1 ];
    error = [
      "A definition for option `x' is not of type `list of signed integer'. TypeError: Definition values:"
      "- In `d1.nix': 1"
    ];
  };
  list-of-conditional-entries = {
    expr = merge (types.listOf types.int) [
      [
        (lib.mkIf false 1)
        (lib.mkIf true 2)
        (lib.mkForce 3)
      ]
    ];
    expected = [
      2
      3
    ];
  };
  non-empty-list-of = {
    expr = [
      (accepts (types.nonEmptyListOf types.int) [ ])
      (merge (types.nonEmptyListOf types.int) [ [ 1 ] ])
      (types.nonEmptyListOf types.int).description
    ];
    expected = [
      false
      [ 1 ]
      "non-empty (list of signed integer)"
    ];
  };
  non-empty-list-of-undefined = {
    expr = merge (types.nonEmptyListOf types.int) [ ];
    error = [ "The option `x' was accessed but has no value defined." ];
  };

  attrs-of = {
    expr = merge (types.attrsOf (types.listOf types.int)) [
      {
        a = [ 1 ];
        b = [ 2 ];
      }
      { a = [ 3 ]; }
    ];
    expected = {
      a = [
        1
        3
      ];
      b = [ 2 ];
    };
  };
  attrs-of-wrong-value = {
    expr = merge (types.attrsOf types.int) [ { "a.b" = "text"; } ];
    error = [
      "A definition for option `x.\"a.b\"' is not of type `signed integer'. Definition values:"
      "- In `d1.nix': \"text\""
    ];
  };
  attrs-of-nested-conflict = {
    expr = merge (types.attrsOf (types.attrsOf types.int)) [
      { a.b = 1; }
      { a.b = 2; }
    ];
    error = [
      "The option `x.a.b' has conflicting definition values:"
      "- In `d1.nix': 1"
      "- In `d2.nix': 2"
    ];
  };
  attrs-of-drops-conditional-names = {
    expr = lib.attrNames (
      merge (types.attrsOf types.int) [
        {
          a = lib.mkIf false 1;
          b = 2;
        }
      ]
    );
    expected = [ "b" ];
  };
  lazy-attrs-of-keeps-conditional-names = {
    expr =
      let
        value = merge (types.lazyAttrsOf types.int) [
          {
            a = lib.mkIf false 1;
            b = 2;
          }
        ];
      in
      [
        (lib.attrNames value)
        value.b
      ];
    expected = [
      [
        "a"
        "b"
      ]
      2
    ];
  };
  lazy-attrs-of-conditional-value = {
    expr = merge (types.lazyAttrsOf types.int) [ { a = lib.mkIf false 1; } ];
    error = [ "The option `x.a' was accessed but has no value defined." ];
  };
  lazy-attrs-of-empty-value = {
    expr = merge (types.lazyAttrsOf (types.listOf types.int)) [ { a = lib.mkIf false [ 1 ]; } ];
    expected.a = [ ];
  };
  attrs-with-placeholder = {
    expr = map (o: o.name) (
      lib.filter (o: !o.internal) (
        lib.optionAttrSetToDocList
          (evaluate [
            {
              options.x = mkOption {
                type = types.attrsWith {
                  placeholder = "user";
                  elemType = types.submodule { options.a = mkOption { }; };
                };
              };
            }
          ]).options
      )
    );
    expected = [
      "_module.args"
      "x"
      "x.<user>.a"
    ];
  };

  uniq = {
    expr = merge (types.uniq types.int) [
      1
      1
    ];
    error = [
      "The option `x' is defined multiple times while it's expected to be unique."
      "Definition values:"
      "- In `d1.nix': 1"
      "- In `d2.nix': 1"
    ];
  };
  unique-message = {
    expr = merge (types.unique { message = "Only the host may say this."; } types.int) [
      1
      2
    ];
    error = [ "Only the host may say this." ];
  };
  unique-forced = {
    expr = merge (types.uniq types.int) [
      1
      (lib.mkForce 2)
    ];
    expected = 2;
  };
  unique-checks-inside = {
    expr = merge (types.uniq (types.listOf types.int)) [ [ "a" ] ];
    error = [ "A definition for option `x.\"[definition 1-entry 1]\"' is not of type `signed integer'." ];
  };

  function-to = {
    expr =
      let
        f = merge (types.functionTo (types.listOf types.int)) [
          (n: [ n ])
          (n: [ (n + 1) ])
        ];
      in
      f 1;
    expected = [
      1
      2
    ];
  };
  function-to-wrong-result = {
    expr = merge (types.functionTo types.int) [ (_: "a") ] null;
    error = [ "A definition for option `x.<function body>' is not of type `signed integer'." ];
  };
  function-to-arguments = {
    expr = lib.functionArgs (
      merge (types.functionTo types.int) [
        ({ a, b ? 1 }: a)
        ({ a ? 2, b ? 1 }: b)
      ]
    );
    expected = {
      a = false;
      b = true;
    };
  };

  descriptions = {
    expr = map (t: t.description) (
      with types;
      [
        (listOf int)
        (attrsOf (listOf str))
        (lazyAttrsOf bool)
        (nullOr (either int str))
        (listOf (nullOr int))
        (either ints.positive (listOf str))
        (attrsOf (either int str))
        (functionTo (listOf int))
        (coercedTo (enum [ "a" "b" ]) (x: 1) (nullOr int))
        (submodule { freeformType = attrsOf int; })
        (submodule { })
        (uniq (listOf int))
      ]
    );
    expected = [
      "list of signed integer"
      "attribute set of list of string"
      "lazy attribute set of boolean"
      "null or signed integer or string"
      "list of (null or signed integer)"
      "positive integer, meaning >0, or (list of string)"
      "attribute set of (signed integer or string)"
      "function that evaluates to a(n) list of signed integer"
      "(null or signed integer) or (one of \"a\", \"b\") convertible to it"
      "open submodule of attribute set of signed integer"
      "submodule"
      "list of signed integer"
    ];
  };

  merge-types = {
    expr =
      let
        merged = a: b: (types.mergeTypes a b).description or (types.mergeTypes a b).error;
      in
      with types;
      [
        (merged (enum [ "a" ]) (enum [ "b" ]))
        (merged (listOf (enum [ 1 ])) (listOf (enum [ 2 ])))
        (merged (nullOr int) (nullOr int))
        (merged int str)
        (merged (listOf int) (listOf str))
        (merged (attrsOf int) (lazyAttrsOf int))
        (merged lines commas)
        (merged lines lines)
        (merged (either int str) (either int str))
        (merged path pathInStore)
        (merged (strMatching "a") (strMatching "a"))
        (merged (coercedTo int toString str) (coercedTo int toString str))
        (merged (functionTo int) (functionTo int))
        (merged (attrTag { a = mkOption { }; }) (attrTag { b = mkOption { }; }))
      ];
    expected = [
      ''one of "a", "b"''
      "list of (one of 1, 2)"
      "null or signed integer"
      "Cannot merge types"
      "Cannot merge types"
      "Cannot merge types"
      "Cannot merge types"
      "strings concatenated with \"\\n\""
      "signed integer or string"
      "Cannot merge types"
      "string matching the pattern a"
      "Cannot merge types"
      "function that evaluates to a(n) signed integer"
      "attribute-tagged union with choices: a, b"
    ];
  };
  merge-submodule-types = {
    expr = merge (types.mergeTypes (types.submodule { options.a = mkOption { default = 1; }; }) (
      types.submodule { options.b = mkOption { default = 2; }; }
    )) [ { } ];
    expected = {
      a = 1;
      b = 2;
    };
  };
}
