# Lists.
{ lib }:
let
  inherit (builtins)
    all
    any
    attrNames
    attrValues
    concatLists
    concatMap
    elem
    elemAt
    filter
    genList
    groupBy
    head
    isList
    length
    mapAttrs
    partition
    sort
    tail
    ;
  inherit (lib) assertMsg compare max min;

  # Lazy from the right: op need not look at the rest.
  foldr =
    op: nul: list:
    let
      count = length list;
      from = n: if n == count then nul else op (elemAt list n) (from (n + 1));
    in
    from 0;

  foldl =
    op: nul: list:
    let
      upTo = n: if n < 0 then nul else op (upTo (n - 1)) (elemAt list n);
    in
    upTo (length list - 1);

  # Unlike the builtin, forces the start value even if the list is empty.
  foldl' = op: start: builtins.seq start (builtins.foldl' op start);

  flatten = x: if isList x then concatMap flatten x else [ x ];

  # No early return, but also no recursion: a fold does not use up the stack on long lists.
  findFirstIndex =
    pred: default: list:
    let
      found =
        builtins.foldl'
          (
            state: x:
            if state.hit then
              state
            else if pred x then
              state // { hit = true; }
            else
              {
                hit = false;
                n = state.n + 1;
              }
          )
          {
            hit = false;
            n = 0;
          }
          list;
    in
    if found.hit then found.n else default;

  sublist =
    start: count: list:
    genList (n: elemAt list (start + n)) (max 0 (min count (length list - start)));
  take = sublist 0;
  drop = count: list: sublist count (length list) list;

  reverseList =
    list:
    let
      end = length list - 1;
    in
    genList (n: elemAt list (end - n)) (end + 1);

  imap0 = f: list: genList (n: f n (elemAt list n)) (length list);

  zipListsWith =
    f: a: b:
    genList (n: f (elemAt a n) (elemAt b n)) (min (length a) (length b));

  unique = foldl' (seen: x: if elem x seen then seen else seen ++ [ x ]) [ ];

  isPrefixOf = prefix: list: take (length prefix) list == prefix;

  compareLists =
    cmp: a: b:
    if a == [ ] || b == [ ] then
      compare (length a) (length b)
    else
      let
        first = cmp (head a) (head b);
      in
      if first != 0 then first else compareLists cmp (tail a) (tail b);

  # From the first element back along `before` to one that nothing comes before, or to a cycle.
  listDfs =
    stopOnCycles: before: list:
    let
      step =
        current: visited: rest:
        let
          again = filter (x: before x current) visited;
          earlier = partition (x: before x current) rest;
        in
        if stopOnCycles && again != [ ] then
          {
            cycle = current;
            loops = again;
            inherit visited rest;
          }
        else if earlier.right == [ ] then
          {
            minimal = current;
            inherit visited rest;
          }
        else
          step (head earlier.right) ([ current ] ++ visited) (tail earlier.right ++ earlier.wrong);
    in
    step (head list) [ ] (tail list);

  toposort =
    before: list:
    let
      first = listDfs true before list;
      others = toposort before (first.visited ++ first.rest);
    in
    if length list < 2 then
      { result = list; }
    else if first ? cycle then
      {
        cycle = reverseList ([ first.cycle ] ++ first.visited);
        inherit (first) loops;
      }
    else if others ? cycle then
      others
    else
      { result = [ first.minimal ] ++ others.result; };
in
{
  inherit (builtins)
    all
    any
    concatLists
    concatMap
    elem
    elemAt
    filter
    genList
    groupBy
    head
    isList
    length
    map
    partition
    sort
    tail
    ;
  inherit
    compareLists
    drop
    findFirstIndex
    flatten
    foldl
    foldl'
    foldr
    imap0
    listDfs
    reverseList
    sublist
    take
    toposort
    unique
    zipListsWith
    ;

  singleton = x: [ x ];
  forEach = list: f: map f list;
  imap1 = f: imap0 (n: f (n + 1));
  ifilter0 =
    pred: list:
    map (elemAt list) (filter (n: pred n (elemAt list n)) (genList (n: n) (length list)));
  remove = x: filter (y: y != x);
  findSingle =
    pred: none: several: list:
    let
      found = filter pred list;
    in
    if found == [ ] then
      none
    else if length found == 1 then
      head found
    else
      several;
  findFirst =
    pred: default: list:
    let
      index = findFirstIndex pred null list;
    in
    if index == null then default else elemAt list index;
  count = pred: builtins.foldl' (n: x: if pred x then n + 1 else n) 0;

  optional = cond: x: if cond then [ x ] else [ ];
  optionals = cond: list: if cond then list else [ ];
  toList = x: if isList x then x else [ x ];
  range = first: last: genList (n: first + n) (max 0 (last - first + 1));
  replicate = n: x: genList (_: x) n;

  groupBy' =
    op: nul: key: list:
    mapAttrs (_: foldl op nul) (groupBy key list);
  zipLists = zipListsWith (fst: snd: { inherit fst snd; });

  sortOn = key: list: map (pair: pair.x) (
    sort (a: b: a.key < b.key) (
      map (x: {
        inherit x;
        key = key x;
      }) list
    )
  );
  # Numbers inside the strings count as numbers: "disk 9" before "disk 11".
  naturalSort =
    list:
    let
      parts = s: map (x: if isList x then lib.toInt (head x) else x) (builtins.split "(0|[1-9][0-9]*)" s);
      keyed = map (x: {
        inherit x;
        key = parts x;
      }) list;
    in
    map (pair: pair.x) (sort (a: b: compareLists compare a.key b.key < 0) keyed);

  takeEnd = n: list: drop (max 0 (length list - n)) list;
  dropEnd = n: list: take (max 0 (length list - n)) list;
  hasPrefix = isPrefixOf;
  removePrefix =
    prefix: list:
    if isPrefixOf prefix list then
      drop (length prefix) list
    else
      throw "lib.lists.removePrefix: First argument is not a list prefix of the second argument";
  commonPrefix =
    a: b:
    let
      same = zipListsWith (x: y: x == y) a b;
    in
    take (findFirstIndex (equal: !equal) (length same) same) a;
  last =
    list:
    assert assertMsg (list != [ ]) "lists.last: list must not be empty!";
    elemAt list (length list - 1);
  init =
    list:
    assert assertMsg (list != [ ]) "lists.init: list must not be empty!";
    take (length list - 1) list;

  uniqueStrings = list: attrNames (groupBy (s: s) list);
  allUnique = list: length (unique list) == length list;
  intersectLists = a: filter (x: elem x a);
  subtractLists = a: filter (x: !elem x a);
  mutuallyExclusive = a: b: !any (x: elem x a) b;
  crossLists = f: foldl (fs: args: concatMap (g: map g args) fs) [ f ];
  concatAttrValues = set: concatLists (attrValues set);
  replaceElemAt =
    list: index: new:
    assert assertMsg (
      index >= 0 && index < length list
    ) "'lists.replaceElemAt' called with index ${toString index} on a list of size ${toString (length list)}";
    imap0 (n: x: if n == index then new else x) list;
}
