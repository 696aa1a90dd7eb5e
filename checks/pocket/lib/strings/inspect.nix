# Looking into strings and cutting them up.
{ lib }:
let
  inherit (builtins)
    filter
    genList
    head
    isPath
    isString
    match
    split
    stringLength
    substring
    typeOf
    ;
  inherit (lib) concatStrings;
  inherit (lib.strings)
    addContextFrom
    escapeRegex
    optionalString
    toLower
    toUpper
    ;

  stringToCharacters = s: genList (n: substring n 1 s) (stringLength s);

  # A path given for a string would be copied to the store and compare unequal: certainly a mistake.
  onlyStrings =
    name: x:
    lib.warnIf (isPath x)
      "lib.strings.${name}: The first argument (${toString x}) is a path value, but only strings are supported. Use lib.path or toString.";

  startsWith = prefix: s: substring 0 (stringLength prefix) s == prefix;
  endsWith =
    suffix: s:
    let
      start = stringLength s - stringLength suffix;
    in
    start >= 0 && substring start (-1) s == suffix;

  trimWith =
    {
      start ? false,
      end ? false,
    }:
    s:
    let
      # "[:space:]" means different things to different regex libraries
      space = " \t\r\n";
      before = optionalString start "[${space}]*";
      kept = if end then "(.*[^${space}])" else "(.*)";
      after = optionalString end "[${space}]*";
      found = match (before + kept + after) s;
    in
    # Only blanks: there is nothing to keep.
    optionalString (found != null) (head found);

  splitStringBy =
    pred: keep: s:
    let
      step =
        state: char:
        let
          cut = pred state.previous char;
        in
        {
          previous = char;
          parts = if cut then state.parts ++ [ state.current ] else state.parts;
          current = if !cut then state.current + char else optionalString keep char;
        };
      end = builtins.foldl' step {
        previous = "";
        parts = [ ];
        current = "";
      } (stringToCharacters s);
    in
    map (addContextFrom s) (end.parts ++ [ end.current ]);

  toSentenceCase =
    s:
    lib.throwIfNot (isString s) "toSentenceCase does only accepts string values, but got ${typeOf s}" (
      addContextFrom s (toUpper (substring 0 1 s) + toLower (substring 1 (-1) s))
    );
in
{
  # lists and predicates that code about strings expects next to them
  inherit (builtins)
    elem
    elemAt
    filter
    genList
    head
    isAttrs
    isInt
    isList
    isPath
    isString
    match
    split
    tail
    typeOf
    ;
  inherit
    splitStringBy
    stringToCharacters
    toSentenceCase
    trimWith
    ;

  hasPrefix = prefix: s: onlyStrings "hasPrefix" prefix (startsWith prefix s);
  hasSuffix = suffix: s: onlyStrings "hasSuffix" suffix (endsWith suffix s);
  hasInfix =
    infix: s: onlyStrings "hasInfix" infix (match ".*${escapeRegex infix}.*" "${s}" != null);
  removePrefix =
    prefix: s:
    onlyStrings "removePrefix" prefix (
      if startsWith prefix s then substring (stringLength prefix) (-1) s else s
    );
  removeSuffix =
    suffix: s:
    onlyStrings "removeSuffix" suffix (
      if endsWith suffix s then substring 0 (stringLength s - stringLength suffix) s else s
    );

  trim = trimWith {
    start = true;
    end = true;
  };
  stringAsChars = f: s: concatStrings (map f (stringToCharacters s));
  splitString =
    sep: s:
    map (addContextFrom s) (filter isString (split (escapeRegex (toString sep)) (toString s)));

  toCamelCase =
    s:
    let
      isSeparator =
        _: char:
        builtins.elem char [
          "-"
          "_"
          " "
        ];
      isHump = previous: char: match "[a-z]" previous != null && match "[A-Z]" char != null;
      words = builtins.concatMap (splitStringBy isHump true) (splitStringBy isSeparator false s);
    in
    lib.throwIfNot (isString s) "toCamelCase does only accepts string values, but got ${typeOf s}" (
      addContextFrom s (toLower (head words) + concatStrings (map toSentenceCase (lib.drop 1 words)))
    );

  commonPrefixLength =
    a: b: lib.length (lib.lists.commonPrefix (stringToCharacters a) (stringToCharacters b));
  commonSuffixLength =
    a: b:
    let
      reversed = s: lib.reverseList (stringToCharacters s);
    in
    lib.length (lib.lists.commonPrefix (reversed a) (reversed b));

  isStringLike = x: isString x || isPath x || x ? outPath || x ? __toString;
  isConvertibleWithToString =
    x:
    lib.strings.isStringLike x
    || builtins.elem (typeOf x) [
      "null"
      "int"
      "float"
      "bool"
    ]
    || (builtins.isList x && builtins.all lib.strings.isConvertibleWithToString x);
  isStorePath =
    x:
    lib.strings.isStringLike x
    && (
      let
        s = toString x;
      in
      # the second form is the placeholder of a path that will be known after its build
      substring 0 1 s == "/" && (dirOf s == builtins.storeDir || match "/[0-9a-z]{52}" s != null)
    );

  # The file name at the end of a URL, up to a separator that must be in it.
  nameFromURL =
    url: sep:
    let
      file = lib.last (lib.splitString "/" url);
      name = head (lib.splitString sep file);
    in
    assert name != file;
    name;
}
