# Functions of attribute sets.
{ lib, ... }:
let
  nested = {
    a.b.c = 1;
    a.d = 2;
  };
in
{
  by-path = {
    expr = with lib; [
      (attrByPath [ "a" "b" "c" ] null nested)
      (attrByPath [ "a" "x" ] "none" nested)
      (attrByPath [ "a" "d" "deeper" ] "none" nested)
      (attrByPath [ ] null 5)
      (hasAttrByPath [ "a" "b" ] nested)
      (hasAttrByPath [ "a" "x" ] nested)
      (setAttrByPath [ "x" "y" ] 1)
      (setAttrByPath [ ] 1)
      (getAttrFromPath [ "a" "d" ] nested)
      (attrsets.longestValidPathPrefix [ "a" "b" "x" ] nested)
      (showAttrPath [ "a" "b.c" ])
      (showAttrPath [ ])
    ];
    expected = [
      1
      "none"
      "none"
      5
      true
      false
      { x.y = 1; }
      1
      2
      [
        "a"
        "b"
      ]
      "a.\"b.c\""
      "<root attribute path>"
    ];
  };
  by-path-missing = {
    expr = lib.getAttrFromPath [ "a" "z" ] nested;
    error = [ "cannot find attribute 'a.z'" ];
  };
  maps = {
    expr = with lib; [
      (mapAttrs (n: v: "${n}${toString v}") { a = 1; })
      (mapAttrs' (n: v: nameValuePair "x-${n}" (v + 1)) { a = 1; })
      (mapAttrsToList (n: v: "${n}=${toString v}") {
        b = 2;
        a = 1;
      })
      (concatMapAttrs
        (n: v: {
          ${n} = v;
          "${n}2" = v * 2;
        })
        {
          a = 1;
          b = 2;
        }
      )
      (attrsToList { a = 1; })
      (genAttrs
        [
          "a"
          "b"
        ]
        (n: n + n)
      )
      (genAttrs' [ 1 ] (n: nameValuePair "n${toString n}" n))
      (mapAttrsRecursive (path: v: "${concatStringsSep "." path}=${toString v}") nested)
      (mapAttrsRecursiveCond (s: !(s ? stop)) (path: v: length path) {
        a.b = 1;
        c = {
          stop = true;
          d = 1;
        };
      })
      (mapAttrsToListRecursive (path: v: "${concatStringsSep "." path}=${toString v}") nested)
    ];
    expected = [
      { a = "a1"; }
      { x-a = 2; }
      [
        "a=1"
        "b=2"
      ]
      {
        a = 1;
        a2 = 2;
        b = 2;
        b2 = 4;
      }
      [
        {
          name = "a";
          value = 1;
        }
      ]
      {
        a = "aa";
        b = "bb";
      }
      { n1 = 1; }
      {
        a = {
          b.c = "a.b.c=1";
          d = "a.d=2";
        };
      }
      {
        a.b = 2;
        c = 1;
      }
      [
        "a.b.c=1"
        "a.d=2"
      ]
    ];
  };
  filters = {
    expr = with lib; [
      (filterAttrs (n: v: n == "a" || v == 2) {
        a = 1;
        b = 2;
        c = 3;
      })
      (filterAttrsRecursive (n: v: v != null) {
        a = null;
        b.c = null;
        b.d = 1;
      })
      (getAttrs [ "a" ] {
        a = 1;
        b = 2;
      })
      (attrVals
        [
          "b"
          "a"
        ]
        {
          a = 1;
          b = 2;
        }
      )
      (catAttrs "a" [
        { a = 1; }
        { b = 2; }
        { a = 3; }
      ])
      (optionalAttrs false { a = 1; })
      (intersectAttrs { a = 1; } {
        a = 2;
        b = 3;
      })
      (matchAttrs { a.b = 1; } {
        a = {
          b = 1;
          c = 2;
        };
      })
      (matchAttrs { a.b = 2; } { a.b = 1; })
    ];
    expected = [
      {
        a = 1;
        b = 2;
      }
      { b.d = 1; }
      { a = 1; }
      [
        2
        1
      ]
      [
        1
        3
      ]
      { }
      { a = 2; }
      true
      false
    ];
  };
  folds = {
    expr = with lib; [
      (foldlAttrs (acc: n: v: acc + n + toString v) "" {
        b = 2;
        a = 1;
      })
      (foldAttrs (x: acc: [ x ] ++ acc)
        [ ]
        [
          { a = 1; }
          {
            a = 2;
            b = 3;
          }
        ]
      )
      (collect isInt nested)
      (cartesianProduct {
        a = [
          1
          2
        ];
        b = [ 3 ];
      })
      (mapCartesianProduct ({ a, b }: a + b) {
        a = [
          1
          2
        ];
        b = [ 3 ];
      })
    ];
    expected = [
      "a1b2"
      {
        a = [
          1
          2
        ];
        b = [ 3 ];
      }
      [
        1
        2
      ]
      [
        {
          a = 1;
          b = 3;
        }
        {
          a = 2;
          b = 3;
        }
      ]
      [
        4
        5
      ]
    ];
  };
  outputs = {
    expr =
      let
        pkg = {
          type = "derivation";
          outPath = "/out";
          out = "/out";
          bin = "/bin-output";
          dev = "/dev-output";
        };
      in
      with lib;
      [
        (getBin pkg)
        (getDev pkg)
        (getLib pkg)
        (getBin { outPath = "/only"; }).outPath
        (getBin (pkg // { outputSpecified = true; })).outPath
        (getStatic pkg)
        (isDerivation pkg)
        (isDerivation { })
        (recurseIntoAttrs { }).recurseForDerivations
      ];
    expected = [
      "/bin-output"
      "/dev-output"
      "/out"
      "/only"
      "/out"
      "/out"
      true
      false
      true
    ];
  };
}
