# Priorities and order.
{
  lib,
  types,
  mkOption,
  evaluate,
  configOf,
  merge,
  ...
}:
let
  inherit (lib)
    mkAfter
    mkBefore
    mkDefault
    mkForce
    mkIf
    mkMerge
    mkOptionDefault
    mkOrder
    mkOverride
    mkVMOverride
    ;
  strings = types.listOf types.str;
in
{
  force-beats-plain = {
    expr = merge types.int [
      (mkForce 1)
      2
    ];
    expected = 1;
  };
  plain-beats-default = {
    expr = merge types.int [
      (mkDefault 1)
      2
    ];
    expected = 2;
  };
  default-beats-option-default = {
    expr = merge types.int [
      (mkOptionDefault 1)
      (mkDefault 2)
    ];
    expected = 2;
  };
  vm-beats-force = {
    expr = merge types.int [
      (mkVMOverride 1)
      (mkForce 2)
    ];
    expected = 1;
  };
  image-between-force-and-plain = {
    expr = [
      (merge types.int [
        (lib.mkImageMediaOverride 1)
        2
      ])
      (merge types.int [
        (lib.mkImageMediaOverride 1)
        (mkForce 3)
      ])
    ];
    expected = [
      1
      3
    ];
  };
  lower-number-wins = {
    expr = merge types.int [
      (mkOverride 40 1)
      (mkOverride 39 2)
      (mkForce 3)
    ];
    expected = 2;
  };
  same-priority-merges = {
    expr = merge strings [
      (mkForce [ "a" ])
      [ "lost" ]
      (mkForce [ "b" ])
    ];
    expected = [
      "a"
      "b"
    ];
  };
  same-default-priority-conflicts = {
    expr = merge types.int [
      (mkDefault 1)
      (mkDefault 2)
    ];
    error = [
      "The option `x' has conflicting definition values:"
      "- In `d1.nix': 1"
      "- In `d2.nix': 2"
      "Use `lib.mkForce value` or `lib.mkDefault value` to change the priority on any of these definitions."
    ];
  };
  equal-values-do-not-conflict = {
    expr = merge types.int [
      1
      1
    ];
    expected = 1;
  };
  losing-values-are-not-checked = {
    expr = merge types.int [
      (mkForce 1)
      "not an integer"
    ];
    expected = 1;
  };
  override-on-a-set-reaches-its-options = {
    expr = configOf [
      {
        options.a.b = mkOption { type = types.int; };
        options.a.c = mkOption { type = types.int; };
      }
      {
        a = mkForce {
          b = 1;
          c = 2;
        };
      }
      {
        a.b = 3;
        a.c = 4;
      }
    ];
    expected.a = {
      b = 1;
      c = 2;
    };
  };
  override-in-attrs-of = {
    expr = merge (types.attrsOf types.int) [
      {
        a = mkForce 1;
        b = 2;
      }
      { a = 3; }
    ];
    expected = {
      a = 1;
      b = 2;
    };
  };
  override-of-a-whole-attrs-of = {
    expr = merge (types.attrsOf types.int) [
      (mkForce { a = 1; })
      { b = 2; }
    ];
    expected.a = 1;
  };
  outer-override-hides-inner-priority = {
    # properties are only taken off once: what is left inside is a value of the wrong type
    expr = merge types.int [ (mkForce (mkDefault 1)) ];
    error = [ "A definition for option `x' is not of type `signed integer'." ];
  };
  highest-prio = {
    expr =
      (evaluate [
        { options.x = mkOption { }; }
        { x = mkDefault 1; }
      ]).options.x.highestPrio;
    expected = 1000;
  };

  order = {
    expr = merge strings [
      [ "plain" ]
      (mkAfter [ "after" ])
      (mkBefore [ "before" ])
      (mkOrder 400 [ "first" ])
      (mkOrder 2000 [ "last" ])
    ];
    expected = [
      "first"
      "before"
      "plain"
      "after"
      "last"
    ];
  };
  order-is-stable = {
    expr = merge strings [
      (mkBefore [ "a" ])
      [ "c" ]
      (mkBefore [ "b" ])
      [ "d" ]
    ];
    expected = [
      "a"
      "b"
      "c"
      "d"
    ];
  };
  order-of-lines = {
    expr = merge types.lines [
      "middle"
      (mkBefore "top")
      (mkAfter "bottom")
    ];
    expected = "top\nmiddle\nbottom";
  };
  order-inside-override = {
    expr = merge strings [
      (mkForce (mkAfter [ "b" ]))
      (mkForce [ "a" ])
    ];
    expected = [
      "a"
      "b"
    ];
  };
  order-inside-if = {
    expr = merge strings [
      [ "b" ]
      (mkIf true (mkBefore [ "a" ]))
    ];
    expected = [
      "a"
      "b"
    ];
  };
  definition-brings-its-file = {
    expr = merge types.int [
      (mkMerge [
        (lib.mkDefinition {
          file = "own.nix";
          value = "x";
        })
      ])
    ];
    error = [ "- In `own.nix': \"x\"" ];
  };
  definition-with-override = {
    expr = merge types.int [
      (mkMerge [
        (lib.mkDefinition {
          file = "own.nix";
          value = mkForce 1;
        })
        2
      ])
    ];
    expected = 1;
  };

  filter-overrides = {
    expr = lib.modules.filterOverrides [
      {
        file = "a";
        value = mkOverride 10 "a";
      }
      {
        file = "b";
        value = "b";
      }
      {
        file = "c";
        value = mkOverride 10 "c";
      }
    ];
    expected = [
      {
        file = "a";
        value = "a";
      }
      {
        file = "c";
        value = "c";
      }
    ];
  };
  map-definition-value = {
    expr = lib.modules.mapDefinitionValue (x: x + 1) (mkIf true (mkMerge [
      (mkForce 1)
      (mkBefore 2)
      3
    ]));
    expected = mkIf true (mkMerge [
      (mkForce 2)
      (mkBefore 3)
      4
    ]);
  };
  merge-attr-definitions-with-prio = {
    expr = lib.modules.mergeAttrDefinitionsWithPrio (
      (evaluate [
        { options.x = mkOption { type = types.attrsOf types.int; }; }
        {
          x = {
            a = mkForce 1;
            b = mkDefault 2;
            c = 3;
          };
        }
      ]).options.x
    );
    expected = {
      a = {
        highestPrio = 50;
        value = 1;
      };
      b = {
        highestPrio = 1000;
        value = 2;
      };
      c = {
        highestPrio = 100;
        value = 3;
      };
    };
  };
}
