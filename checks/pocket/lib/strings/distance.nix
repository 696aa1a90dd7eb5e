# How many characters differ between two strings; for suggestions.
{ lib }:
let
  inherit (builtins)
    elemAt
    foldl'
    genList
    length
    stringLength
    substring
    ;
  inherit (lib) min;

  # Row by row: `row` holds the distances of the first n characters of a to all beginnings of b.
  levenshtein =
    a: b:
    let
      columns = genList (n: substring n 1 b) (stringLength b);
      nextRow =
        row: n:
        let
          char = substring n 1 a;
          cell =
            left: m:
            min (min (left + 1) (elemAt row (m + 1) + 1)) (
              elemAt row m + (if elemAt columns m == char then 0 else 1)
            );
        in
        (foldl' (
          acc: m:
          let
            value = cell acc.left m;
          in
          builtins.seq value {
            left = value;
            cells = acc.cells ++ [ value ];
          }
        ) {
          left = n + 1;
          cells = [ (n + 1) ];
        } (genList (m: m) (length columns))).cells;
      firstRow = genList (m: m) (length columns + 1);
    in
    lib.last (foldl' nextRow firstRow (genList (n: n) (stringLength a)));
in
{
  inherit levenshtein;
  # The lengths alone rule out most candidates.
  levenshteinAtMost =
    k: a: b:
    let
      gap = stringLength a - stringLength b;
    in
    gap <= k && -gap <= k && levenshtein a b <= k;
}
