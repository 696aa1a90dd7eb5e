# Looking at values while they are evaluated, and small tests.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    attrNames
    concatMap
    deepSeq
    isAttrs
    isList
    mapAttrs
    trace
    tryEval
    unsafeGetAttrPos
    ;

  # The value down to a depth; what lies below becomes "…".
  cut =
    depth: v:
    if isList v then
      (if depth == 0 then "[…]" else map (cut (depth - 1)) v)
    else if isAttrs v then
      (if depth == 0 then "{…}" else mapAttrs (_: cut (depth - 1)) v)
    else
      v;
  traceValFn = f: x: trace (f x) x;
  traceSeq = x: y: trace (deepSeq x x) y;
  traceSeqN =
    depth: x: y:
    trace (deepSeq (cut depth x) (cut depth x)) y;

  evaluated =
    x:
    let
      r = tryEval x;
    in
    if r.success then r.value else { __failed = true; };
in
{
  inherit
    addErrorContext
    trace
    traceSeq
    traceSeqN
    traceValFn
    unsafeGetAttrPos
    ;
  traceIf =
    cond: msg: x:
    if cond then trace msg x else x;
  traceVal = traceValFn (x: x);
  traceValSeqFn = f: x: traceValFn f (deepSeq x x);
  traceValSeq = x: traceValFn (v: v) (deepSeq x x);
  traceValSeqNFn =
    f: depth: x:
    traceSeqN depth (f x) x;
  traceValSeqN = depth: x: traceSeqN depth x x;

  # { testName = { expr; expected; }; } -> what differs.  Attributes whose names do not start with "test" are ignored.
  runTests =
    tests:
    concatMap (
      name:
      let
        result = evaluated tests.${name}.expr;
      in
      if !(lib.hasPrefix "test" name) || result == tests.${name}.expected then
        [ ]
      else
        [
          {
            inherit name result;
            inherit (tests.${name}) expected;
          }
        ]
    ) (attrNames tests);
  testAllTrue = expr: {
    inherit expr;
    expected = map (_: true) expr;
  };
}
