# The smallest functions, and what the library says about itself.
{ lib }:
let
  inherit (builtins)
    div
    elemAt
    fromJSON
    readFile
    trace
    ;

  isFunction = f: builtins.isFunction f || (f ? __functor && builtins.isFunction (f.__functor f));

  functionArgs =
    f: if f ? __functor then f.__functionArgs or (functionArgs (f.__functor f)) else builtins.functionArgs f;

  setFunctionArgs = f: args: {
    __functor = _: f;
    __functionArgs = args;
  };

  # builtins.warn appeared in Nix 2.23; before, a trace looks the same.
  warn =
    builtins.warn or (msg: value:
      assert builtins.isString msg;
      trace "evaluation warning: ${msg}" value);

  throwIf = cond: msg: if cond then throw msg else value: value;
  warnIf = cond: msg: if cond then warn msg else value: value;

  release = "26.11";
  versionSuffix = "pre-pocket";
  oldestSupportedRelease = 2511;

  # Digits of a number that is not negative, the highest first.
  toBaseDigits =
    base: n:
    assert base >= 2 && n >= 0;
    let
      go = n: rest: if n < base then [ n ] ++ rest else go (n / base) ([ (n - n / base * base) ] ++ rest);
    in
    go n [ ];
in
{
  inherit (builtins)
    add
    bitAnd
    bitOr
    bitXor
    ceil
    deepSeq
    div
    floor
    genericClosure
    isBool
    isFloat
    isInt
    lessThan
    mul
    pathExists
    readFile
    seq
    sub
    ;
  inherit
    functionArgs
    isFunction
    oldestSupportedRelease
    release
    setFunctionArgs
    throwIf
    toBaseDigits
    versionSuffix
    warn
    warnIf
    ;

  id = x: x;
  const = x: _: x;
  pipe = builtins.foldl' (x: f: f x);
  flip =
    f: a: b:
    f b a;

  # operators with a name
  concat = x: y: x ++ y;
  "or" = x: y: x || y;
  and = x: y: x && y;
  xor = x: y: (!x) != (!y);
  bitNot = builtins.sub (-1);
  mergeAttrs = x: y: x // y;

  boolToString = b: if b then "true" else "false";
  boolToYesNo = b: if b then "yes" else "no";

  defaultTo = default: x: if x == null then default else x;
  mapNullable = f: x: if x == null then null else f x;

  min = x: y: if x < y then x else y;
  max = x: y: if x > y then x else y;
  mod = x: y: x - y * (div x y);
  compare =
    a: b:
    if a < b then
      -1
    else if a > b then
      1
    else
      0;

  # What satisfies p comes first; within each half the given comparison decides.
  splitByAndCompare =
    p: yes: no: a: b:
    if p a then
      (if p b then yes a b else -1)
    else if p b then
      1
    else
      no a b;

  version = release + versionSuffix;
  nixpkgsVersion = release + versionSuffix;
  codeName = "Pocket";
  oldestSupportedReleaseIsAtLeast = release: release <= oldestSupportedRelease;
  isInOldestRelease = release: release <= oldestSupportedRelease;
  revisionWithDefault = default: default;
  inNixShell = builtins.getEnv "IN_NIX_SHELL" != "";
  inPureEvalMode = !(builtins ? currentSystem);

  importJSON = path: fromJSON (readFile path);
  importTOML = path: fromTOML (readFile path);

  warnIfNot = cond: warnIf (!cond);
  throwIfNot = cond: throwIf (!cond);
  info = msg: trace "INFO: ${msg}";
  showWarnings = warnings: result: lib.foldr warn result warnings;

  checkListOfEnum =
    msg: valid: given:
    let
      unexpected = lib.subtractLists valid given;
      show = lib.concatMapStringsSep ", " toString;
    in
    throwIf (unexpected != [ ]) "${msg}: ${show unexpected} unexpected; valid ones: ${show valid}";

  mirrorFunctionArgs =
    f:
    let
      args = functionArgs f;
    in
    g: setFunctionArgs g args;
  toFunction = x: if isFunction x then x else _: x;

  fromHexString =
    s:
    let
      digits = builtins.match "(0x)?([0-7]?[0-9A-Fa-f]{1,15})" s;
    in
    if digits == null then
      throw "fromHexString: ${lib.strings.escapeNixString s} is not a hexadecimal number of at most 63 bits"
    else
      (fromTOML "v=0x${elemAt digits 1}").v;
  toHexString =
    n: lib.concatMapStrings (digit: builtins.substring digit 1 "0123456789ABCDEF") (toBaseDigits 16 n);
}
