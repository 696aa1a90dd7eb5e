# Functions that take lists apart, put them in order or group them.
{ lib, throws, ... }:
{
  parts = {
    expr =
      let
        l = [
          1
          2
          3
        ];
      in
      with lib;
      [
        (take 2 l)
        (take 9 l)
        (drop 2 l)
        (drop 9 l)
        (takeEnd 2 l)
        (dropEnd 2 l)
        (sublist 1 1 l)
        (init l)
        (last l)
        (head l)
        (tail l)
        (reverseList l)
        (lists.hasPrefix [ 1 ] l)
        (lists.removePrefix [ 1 ] l)
        (lists.commonPrefix [ 1 2 9 ] l)
        (replaceElemAt l 1 9)
      ];
    expected = [
      [
        1
        2
      ]
      [
        1
        2
        3
      ]
      [ 3 ]
      [ ]
      [
        2
        3
      ]
      [ 1 ]
      [ 2 ]
      [
        1
        2
      ]
      3
      1
      [
        2
        3
      ]
      [
        3
        2
        1
      ]
      true
      [
        2
        3
      ]
      [
        1
        2
      ]
      [
        1
        9
        3
      ]
    ];
  };
  last-of-nothing = {
    expr = lib.last [ ];
    error = [ "lists.last: list must not be empty!" ];
  };
  init-of-nothing = {
    expr = throws (lib.init [ ]);
    expected = true;
  };
  sorting = {
    expr = with lib; [
      (sort lessThan [
        3
        1
        2
      ])
      (sortOn stringLength [
        "ccc"
        "a"
        "bb"
        "d"
      ])
      (naturalSort [
        "disk11"
        "disk8"
        "disk100"
      ])
      (compareLists compare
        [
          1
          2
        ]
        [
          1
          3
        ]
      )
      (compareLists compare [ 1 ] [ ])
    ];
    expected = [
      [
        1
        2
        3
      ]
      [
        "a"
        "d"
        "bb"
        "ccc"
      ]
      [
        "disk8"
        "disk11"
        "disk100"
      ]
      (-1)
      1
    ];
  };
  grouping = {
    expr = with lib; [
      (groupBy (x: if x > 1 then "big" else "small") [
        1
        2
        3
      ])
      (groupBy' add 0 (x: if x > 1 then "big" else "small") [
        1
        2
        3
      ])
      (zipLists
        [
          1
          2
        ]
        [ "a" ]
      )
      (zipListsWith (a: b: a + b)
        [
          1
          2
        ]
        [
          3
          4
        ]
      )
      (concatAttrValues {
        b = [ 2 ];
        a = [ 1 ];
      })
      (crossLists (a: b: a + b) [
        [
          1
          2
        ]
        [ 10 ]
      ])
    ];
    expected = [
      {
        big = [
          2
          3
        ];
        small = [ 1 ];
      }
      {
        big = 5;
        small = 1;
      }
      [
        {
          fst = 1;
          snd = "a";
        }
      ]
      [
        4
        6
      ]
      [
        1
        2
      ]
      [
        11
        12
      ]
    ];
  };
  toposort = {
    expr = [
      (lib.toposort lib.hasPrefix [
        "/home/user"
        "other"
        "/"
        "/home"
      ])
      (lib.toposort (a: b: a < b) [
        3
        2
        1
      ])
    ];
    expected = [
      {
        result = [
          "/"
          "/home"
          "/home/user"
          "other"
        ];
      }
      {
        result = [
          1
          2
          3
        ];
      }
    ];
  };
  toposort-cycle = {
    expr =
      (lib.toposort
        (
          a: b:
          lib.elem b (
            {
              a = [ "b" ];
              b = [ "c" ];
              c = [ "a" ];
            }
            .${a}
          )
        )
        [
          "a"
          "b"
          "c"
        ]
      ).cycle;
    expected = [
      "a"
      "c"
      "b"
    ];
  };
  text-with-dependencies = {
    expr =
      let
        pieces = {
          users = lib.stringAfter [ "etc" ] "make users";
          etc = lib.noDepEntry "make etc";
          last = lib.fullDepEntry "done" [
            "users"
            "etc"
          ];
          all = lib.packEntry [ "last" ];
        };
      in
      lib.textClosureMap lib.id pieces [
        "users"
        "all"
      ];
    expected = "make etc\nmake users\ndone\n";
  };
}
