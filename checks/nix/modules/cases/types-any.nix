# Types that take anything, and merge it by what it is.
{
  lib,
  types,
  merge,
  ...
}:
{
  raw-once = {
    expr = merge types.raw [
      1
      1
    ];
    error = [ "The option `x' is defined multiple times while it's expected to be unique." ];
  };
  unspecified-merges-by-kind = {
    expr = [
      (merge types.unspecified [
        [ 1 ]
        [ 2 ]
      ])
      (merge types.unspecified [
        "a"
        "b"
      ])
      (merge types.unspecified [
        { a = 1; }
        { b = 2; }
      ])
      (merge types.unspecified [
        false
        true
      ])
      (merge types.unspecified [
        3
        3
      ])
    ];
    expected = [
      [
        1
        2
      ]
      "ab"
      {
        a = 1;
        b = 2;
      }
      true
      3
    ];
  };
  unspecified-cannot-merge = {
    expr = merge types.unspecified [
      1
      "a"
    ];
    error = [
      "Cannot merge definitions of `x'. Definition values:"
      "- In `d1.nix': 1"
      "- In `d2.nix': \"a\""
    ];
  };
  anything = {
    expr = merge types.anything [
      {
        a.b = 1;
        f = x: { one = x; };
      }
      {
        a.c = 2;
        f = x: { two = x + 1; };
      }
    ] // { f = null; applied = (merge types.anything [
      { f = x: { one = x; }; }
      { f = x: { two = x + 1; }; }
    ]).f 1; };
    expected = {
      a = {
        b = 1;
        c = 2;
      };
      f = null;
      applied = {
        one = 1;
        two = 2;
      };
    };
  };
  anything-lists-must-agree = {
    expr = merge types.anything [
      { a = [ 1 ]; }
      { a = [ 2 ]; }
    ];
    error = [ "The option `x.a' has conflicting definition values:" ];
  };
  anything-conflicting-kinds = {
    expr = merge types.anything [
      { a = 1; }
      { a = "1"; }
    ];
    error = [ "The option `x.a' has conflicting option types in `d1.nix' and `d2.nix'" ];
  };
  anything-properties-inside = {
    expr = merge types.anything [
      {
        a = lib.mkForce 1;
        b = lib.mkIf false 2;
      }
      { a = 3; }
    ];
    expected.a = 1;
  };
  attrs-later-wins = {
    expr = merge types.attrs [
      {
        a = 1;
        b = 1;
      }
      { b = 2; }
    ];
    expected = {
      a = 1;
      b = 2;
    };
  };
}
