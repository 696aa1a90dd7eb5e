# Types of values without parts.
{ lib }:
let
  inherit (builtins)
    foldl'
    isAttrs
    isBool
    isFloat
    isInt
    isString
    match
    toJSON
    ;
  inherit (lib) assertMsg mkOptionType;
  inherit (lib.options)
    getFiles
    mergeEqualOption
    mergeOneOption
    showFiles
    showOption
    ;
  inherit (lib.types)
    addCheck
    attrsOf
    defaultFunctor
    either
    optionDescriptionPhrase
    ;

  noun =
    args:
    mkOptionType (
      {
        descriptionClass = "noun";
        merge = mergeEqualOption;
      }
      // args
    );

  raw = noun {
    name = "raw";
    description = "raw value";
    merge = mergeOneOption;
  };

  # Merged by kind: sets by attribute, functions by result, everything else must be equal.
  anything = noun {
    name = "anything";
    description = "anything";
    merge =
      loc: defs:
      let
        kindOf =
          value: if isAttrs value && lib.isStringLike value then "stringCoercibleSet" else builtins.typeOf value;
        first = builtins.head defs;
        kind = foldl' (
          kind: def:
          if kindOf def.value == kind then
            kind
          else
            throw "The option `${showOption loc}' has conflicting option types in ${showFiles (getFiles defs)}"
        ) (kindOf first.value) defs;
        mergeResults =
          loc: defs: argument:
          anything.merge (loc ++ [ "<function body>" ]) (
            map (def: {
              inherit (def) file;
              value = def.value argument;
            }) defs
          );
        mergers = {
          set = (attrsOf anything).merge;
          stringCoercibleSet = mergeOneOption; # packages
          lambda = mergeResults;
        };
      in
      (mergers.${kind} or mergeEqualOption) loc defs;
  };

  bool = noun {
    name = "bool";
    description = "boolean";
    check = isBool;
  };

  int = noun {
    name = "int";
    description = "signed integer";
    check = isInt;
  };

  float = noun {
    name = "float";
    description = "floating point number";
    check = isFloat;
  };

  number = either int float;

  str = noun {
    name = "str";
    description = "string";
    check = isString;
  };

  # An inner check with a name and description of its own.  It keeps the functor: declared twice, it merges as its base.
  restricted =
    type: check: naming:
    addCheck type check // naming;

  bounds = show: lowest: highest: "between ${show lowest} and ${show highest} (both inclusive)";

  ints =
    let
      between =
        lowest: highest:
        assert assertMsg (lowest <= highest) "ints.between: lowest must be smaller than highest";
        restricted int (x: x >= lowest && x <= highest) {
          name = "intBetween";
          description = "integer ${bounds toString lowest highest}";
        };
      sized =
        sign: bits: lowest: highest:
        between lowest highest
        // {
          name = "${sign}Int${toString bits}";
          description = "${toString bits} bit ${sign} integer; ${bounds toString lowest highest}";
        };
      unsignedOf = bits: count: sized "unsigned" bits 0 (count - 1);
      signedOf = bits: count: sized "signed" bits (0 - count / 2) (count / 2 - 1);
    in
    {
      inherit between;
      unsigned = restricted int (x: x >= 0) {
        name = "unsignedInt";
        description = "unsigned integer, meaning >=0";
        descriptionClass = "nonRestrictiveClause";
      };
      positive = restricted int (x: x > 0) {
        name = "positiveInt";
        description = "positive integer, meaning >0";
        descriptionClass = "nonRestrictiveClause";
      };
      u8 = unsignedOf 8 256;
      u16 = unsignedOf 16 65536;
      u32 = unsignedOf 32 4294967296;
      s8 = signedOf 8 256;
      s16 = signedOf 16 65536;
      s32 = signedOf 32 4294967296;
    };

  numbers = {
    between =
      lowest: highest:
      assert assertMsg (lowest <= highest) "numbers.between: lowest must be smaller than highest";
      restricted number (x: x >= lowest && x <= highest) {
        name = "numberBetween";
        description = "integer or floating point number ${bounds toJSON lowest highest}";
      };
    nonnegative = restricted number (x: x >= 0) {
      name = "numberNonnegative";
      description = "nonnegative integer or floating point number, meaning >=0";
      descriptionClass = "nonRestrictiveClause";
    };
    positive = restricted number (x: x > 0) {
      name = "numberPositive";
      description = "positive integer or floating point number, meaning >0";
      descriptionClass = "nonRestrictiveClause";
    };
  };

  strMatching =
    pattern:
    noun {
      name = "strMatching ${lib.strings.escapeNixString pattern}";
      description = "string matching the pattern ${pattern}";
      check = x: isString x && match pattern x != null;
      functor = defaultFunctor "strMatching" // {
        type = payload: strMatching payload.pattern;
        payload = { inherit pattern; };
        binOp = a: b: if a == b then a else null;
      };
    };

  separatedString =
    sep:
    noun {
      name = "separatedString";
      description = "strings concatenated with ${toJSON sep}";
      check = isString;
      merge = _: defs: builtins.concatStringsSep sep (lib.options.getValues defs);
      functor = defaultFunctor "separatedString" // {
        type = payload: separatedString payload.sep;
        payload = { inherit sep; };
        binOp = a: b: if a == b then a else null;
      };
    };
in
{
  inherit
    raw
    anything
    bool
    int
    ints
    float
    number
    numbers
    str
    strMatching
    separatedString
    ;

  unspecified = mkOptionType {
    name = "unspecified";
    description = "unspecified value";
    descriptionClass = "noun";
  };

  boolByOr = noun {
    name = "boolByOr";
    description = "boolean (merged using or)";
    check = isBool;
    merge = _: builtins.any (def: def.value);
  };

  port = ints.u16;

  nonEmptyStr = noun {
    name = "nonEmptyStr";
    description = "non-empty string";
    check = x: isString x && match "[ \t\n]*" x == null;
  };

  # One newline at the end is allowed, as files and '' '' strings have it, and taken off.
  singleLineStr = noun {
    name = "singleLineStr";
    description = "(optionally newline-terminated) single-line string";
    check = x: isString x && match "[^\n\r]*\n?" x != null;
    merge = loc: defs: lib.removeSuffix "\n" (mergeEqualOption loc defs);
  };

  lines = separatedString "\n";
  commas = separatedString ",";
  envVar = separatedString ":";

  passwdEntry =
    type:
    restricted type (s: !(lib.hasInfix ":" s || lib.hasInfix "\n" s)) {
      name = "passwdEntry ${type.name}";
      description = "${optionDescriptionPhrase (class: class == "noun") type}, not containing newlines or colons";
      descriptionClass = "nonRestrictiveClause";
    };

  luaInline = noun {
    name = "luaInline";
    description = "inline lua";
    check = x: x._type or null == "lua-inline";
  };
}
