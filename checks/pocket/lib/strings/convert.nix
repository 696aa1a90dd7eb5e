# Strings to and from numbers, versions, names of derivations.
{ lib }:
let
  inherit (builtins)
    compareVersions
    concatStringsSep
    fromJSON
    head
    isInt
    isList
    isString
    match
    parseDrvName
    split
    stringLength
    substring
    unsafeDiscardStringContext
    ;

  # digits: the regular expression whose first group is the number
  parseInt =
    name: digits: s:
    let
      found = match "[[:space:]]*${digits}[[:space:]]*" s;
      text = head found;
      fail = reason: throw "${name}: ${reason}";
      number = fromJSON text;
      noNumber = fail "Could not convert ${lib.strings.escapeNixString s} to int.";
    in
    if found == null then
      noNumber
    else if match "0[[:digit:]]+" text != null then
      fail "Ambiguity in interpretation of ${lib.strings.escapeNixString s} between octal and zero padded integer."
    else if !isInt number then
      noNumber
    else
      number;

  # a store name's length, less the hash's dash and ".drv"
  nameLength = 207;
in
{
  inherit (builtins)
    appendContext
    compareVersions
    fromJSON
    parseDrvName
    readFile
    storeDir
    toJSON
    unsafeDiscardStringContext
    ;

  toInt = parseInt "toInt" "(-?[[:digit:]]+)";
  toIntBase10 = parseInt "toIntBase10" "0*(0|-?[1-9][[:digit:]]*|-0+)";
  floatToString =
    x:
    let
      s = toString x;
    in
    lib.warnIf (x != fromJSON s) "Imprecise conversion from float to string ${s}" s;

  fileContents = file: lib.removeSuffix "\n" (builtins.readFile file);

  versionOlder = a: b: compareVersions b a == 1;
  versionAtLeast = a: b: compareVersions b a != 1;
  getName = x: if isString x then (parseDrvName x).name else x.pname or (parseDrvName x.name).name;
  getVersion =
    x: if isString x then (parseDrvName x).version else x.version or (parseDrvName x.name).version;

  # The nearest name the store accepts: the end of a long one, since there the difference usually is.
  sanitizeDerivationName =
    name:
    let
      plain = unsafeDiscardStringContext name;
      undotted = head (match "\\.*(.*)" plain);
      allowed = concatStringsSep "" (
        map (part: if isList part then "-" else part) (split "[^[:alnum:]+._?=-]+" undotted)
      );
      excess = lib.max 0 (stringLength allowed - nameLength);
    in
    if stringLength plain <= nameLength && match "[[:alnum:]+_?=-][[:alnum:]+._?=-]*" plain != null then
      plain
    else if allowed == "" then
      "unknown"
    else
      substring excess (-1) allowed;
}
