# Functions that merge and change attribute sets.
{ lib, ... }:
let
  nested = {
    a.b.c = 1;
    a.d = 2;
  };
in
{
  merges = {
    expr = with lib; [
      (recursiveUpdate nested {
        a.b.x = 9;
        a.d.e = 3;
      })
      (recursiveUpdateUntil (path: _: _: path == [ "a" "b" ]) nested { a.b.x = 9; })
      (zipAttrsWith (n: values: "${n}${toString values}") [
        { a = 1; }
        {
          a = 2;
          b = 3;
        }
      ])
      (zipAttrs [
        { a = 1; }
        { a = 2; }
      ])
      (zipAttrsWithNames [ "a" ] (_: values: values) [
        {
          a = 1;
          b = 2;
        }
      ])
      (mergeAttrsList [
        {
          a = 1;
          b = 1;
        }
        { b = 2; }
      ])
      (overrideExisting { a = 1; } {
        a = 2;
        b = 3;
      })
      (attrsets.unionOfDisjoint { a = 1; } { b = 2; })
    ];
    expected = [
      {
        a = {
          b = {
            c = 1;
            x = 9;
          };
          d.e = 3;
        };
      }
      {
        a = {
          b.x = 9;
          d = 2;
        };
      }
      {
        a = "a1 2";
        b = "b3";
      }
      {
        a = [
          1
          2
        ];
      }
      { a = [ 1 ]; }
      {
        a = 1;
        b = 2;
      }
      { a = 2; }
      {
        a = 1;
        b = 2;
      }
    ];
  };
  union-of-overlapping = {
    expr = lib.attrsets.unionOfDisjoint { a = 1; } { a = 2; };
    error = [ "unionOfDisjoint: collision on a; complete list: a" ];
  };
  update-many = {
    expr =
      lib.updateManyAttrsByPath
        [
          {
            path = [
              "a"
              "b"
            ];
            update = old: { inherit (old) c; new = 1; };
          }
          {
            path = [ "x" ];
            update = _: 2;
          }
          {
            path = [
              "a"
              "d"
            ];
            update = old: old + 1;
          }
          {
            path = [
              "a"
              "d"
            ];
            update = old: old * 10;
          }
        ]
        nested;
    expected = {
      a = {
        b = {
          c = 1;
          new = 1;
        };
        d = 30;
      };
      x = 2;
    };
  };
  update-many-missing = {
    expr = lib.updateManyAttrsByPath [
      {
        path = [ "z" ];
        update = old: old + 1;
      }
    ] { };
    error = [ "updateManyAttrsByPath: Path 'z' does not exist in the given value" ];
  };
  update-many-through-a-value = {
    expr = lib.updateManyAttrsByPath [
      {
        path = [
          "a"
          "b"
        ];
        update = _: 1;
      }
    ] { a = 1; };
    error = [ "updateManyAttrsByPath: Path 'a.b' needs to be updated, but path 'a' of the given value is not an attribute set" ];
  };
}
