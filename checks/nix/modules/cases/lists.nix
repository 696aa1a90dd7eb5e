# Functions of lists.
{ lib, ... }:
{
  folds = {
    expr = with lib; [
      (foldr (x: acc: "${x}(${acc})") "z" [
        "a"
        "b"
      ])
      (foldl (acc: x: "(${acc})${x}") "z" [
        "a"
        "b"
      ])
      (foldl' add 0 [
        1
        2
        3
      ])
      (foldr (x: _: x) (throw "never") [ 1 ])
    ];
    expected = [
      "a(b(z))"
      "((z)a)b"
      6
      1
    ];
  };
  maps = {
    expr = with lib; [
      (imap0 (n: x: "${toString n}${x}") [
        "a"
        "b"
      ])
      (imap1 (n: x: "${toString n}${x}") [
        "a"
        "b"
      ])
      (concatMap
        (x: [
          x
          x
        ])
        [
          1
          2
        ]
      )
      (forEach [ 1 ] (x: x + 1))
      (flatten [
        1
        [
          2
          [ 3 ]
        ]
      ])
      (flatten 4)
    ];
    expected = [
      [
        "0a"
        "1b"
      ]
      [
        "1a"
        "2b"
      ]
      [
        1
        1
        2
        2
      ]
      [ 2 ]
      [
        1
        2
        3
      ]
      [ 4 ]
    ];
  };
  filters = {
    expr = with lib; [
      (remove 1 [
        1
        2
        1
      ])
      (ifilter0 (n: _: n != 1) [
        "a"
        "b"
        "c"
      ])
      (partition (x: x > 1) [
        1
        2
        3
      ])
      (unique [
        3
        1
        3
        2
        1
      ])
      (uniqueStrings [
        "b"
        "a"
        "b"
      ])
      (allUnique [
        1
        1
      ])
      (intersectLists
        [
          1
          2
        ]
        [
          2
          3
        ]
      )
      (subtractLists
        [
          1
          2
        ]
        [
          2
          3
        ]
      )
      (mutuallyExclusive [ 1 ] [ 2 ])
    ];
    expected = [
      [ 2 ]
      [
        "a"
        "c"
      ]
      {
        right = [
          2
          3
        ];
        wrong = [ 1 ];
      }
      [
        3
        1
        2
      ]
      [
        "a"
        "b"
      ]
      false
      [ 2 ]
      [ 3 ]
      true
    ];
  };
  finding = {
    expr = with lib; [
      (findFirst (x: x > 1) null [
        1
        2
        3
      ])
      (findFirst (x: x > 9) "none" [ 1 ])
      (findSingle (x: x == 1) "none" "many" [
        1
        1
      ])
      (findSingle (x: x == 2) "none" "many" [ 1 ])
      (lists.findFirstIndex (x: x == "b") null [
        "a"
        "b"
      ])
      (count (x: x > 1) [
        1
        2
        3
      ])
      (any (x: x) [ false ])
      (all (x: x) [ ])
    ];
    expected = [
      2
      "none"
      "many"
      "none"
      1
      2
      false
      true
    ];
  };
  optionals = {
    expr = with lib; [
      (optional true 1)
      (optional false 1)
      (optionals true [ 1 ])
      (optionals false [ 1 ])
      (toList 1)
      (toList [ 1 ])
      (singleton 1)
      (replicate 2 "a")
      (range 2 4)
      (range 4 2)
    ];
    expected = [
      [ 1 ]
      [ ]
      [ 1 ]
      [ ]
      [ 1 ]
      [ 1 ]
      [ 1 ]
      [
        "a"
        "a"
      ]
      [
        2
        3
        4
      ]
      [ ]
    ];
  };
}
