# "Did you mean …": the nearest known word, if one is near enough to be a slip of the finger.
#
# The same rule as the CLI's (cli/model/src/suggest.rs), so both planes give the same advice: at most a third of the letters differ,
# counting a swap of neighbours as one, or one word is the beginning of the other. `lib.levenshtein` does not know swaps.
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

  at = word: i: substring i 1 word;

  # One row of the edit matrix for letter `i` of `a`, from the two rows above it.
  nextRow =
    a: b: rows: i:
    foldl' (
      row: j:
      let
        same = at a (i - 1) == at b (j - 1);
        swapped = i > 1 && j > 1 && at a (i - 1) == at b (j - 2) && at a (i - 2) == at b (j - 1);
        edits = [
          (elemAt rows.last j + 1)
          (elemAt row (j - 1) + 1)
          (elemAt rows.last (j - 1) + (if same then 0 else 1))
        ]
        ++ lib.optional swapped (elemAt rows.before (j - 2) + 1);
      in
      row ++ [ (foldl' lib.min (elemAt edits 0) edits) ]
    ) [ i ] (genList (j: j + 1) (stringLength b));

  distance =
    a: b:
    let
      first = genList (j: j) (stringLength b + 1);
      rows =
        foldl'
          (rows: i: {
            before = rows.last;
            last = nextRow a b rows i;
          })
          {
            before = first;
            last = first;
          }
          (genList (i: i + 1) (stringLength a));
    in
    elemAt rows.last (stringLength b);

  better = x: y: x.distance < y.distance || (x.distance == y.distance && x.word < y.word);
in
{
  inherit distance;

  # The nearest of `candidates`, or null.
  find =
    word: candidates:
    let
      limit = lib.max 1 (stringLength word / 3);
      isBeginning = candidate: lib.hasPrefix word candidate || lib.hasPrefix candidate word;
      isNear =
        candidate:
        candidate.distance <= limit || (stringLength word >= 3 && isBeginning candidate.word);
      measured = map (candidate: {
        word = candidate;
        distance = distance word candidate;
      }) candidates;
      near = builtins.filter isNear measured;
      sorted = builtins.sort better near;
    in
    if length sorted == 0 then null else (builtins.head sorted).word;
}
