# Strings for other languages: shell, Nix, regular expressions, XML, URLs.
{ lib }:
let
  inherit (builtins)
    attrNames
    elem
    isAttrs
    isList
    listToAttrs
    match
    removeAttrs
    replaceStrings
    toJSON
    ;
  inherit (lib)
    concatMapStringsSep
    fixedWidthString
    mapAttrsToList
    stringToCharacters
    toHexString
    ;
  inherit (lib.strings) isStringLike;

  escape = chars: replaceStrings chars (map (c: "\\${c}") chars);

  # character -> its number, for all of ASCII that a string can hold
  ascii = listToAttrs (
    builtins.genList (n: {
      name = builtins.fromJSON "\"\\u00${hex (n + 1)}\"";
      value = n + 1;
    }) 127
  );
  hex = n: fixedWidthString 2 "0" (toHexString n);

  lower = stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  upper = stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

  # What RFC 3986 lets stand in a URL as it is.
  unreserved = lower ++ upper ++ stringToCharacters "0123456789-_.~";
  reserved = removeAttrs ascii unreserved;

  escapeShellArg =
    x:
    let
      s = toString x;
    in
    if match "[[:alnum:],._+:@%/-]+" s != null then s else "'${replaceStrings [ "'" ] [ "'\\''" ] s}'";
  escapeShellArgs = concatMapStringsSep " " escapeShellArg;

  isValidPosixName = name: match "[a-zA-Z_][a-zA-Z0-9_]*" name != null;

  toShellVar =
    name: value:
    let
      pairs = mapAttrsToList (key: v: "[${escapeShellArg key}]=${escapeShellArg v}") value;
    in
    if !isValidPosixName name then
      throw "toShellVar: ${name} is not a valid shell variable name"
    else if isAttrs value && !isStringLike value then
      "declare -A ${name}=(${builtins.concatStringsSep " " pairs})"
    else if isList value then
      "declare -a ${name}=(${escapeShellArgs value})"
    else
      "${name}=${escapeShellArg value}";

  escapeNixString = s: escape [ "$" ] (toJSON s);
  keywords = [
    "assert"
    "else"
    "if"
    "in"
    "inherit"
    "let"
    "or"
    "rec"
    "then"
    "with"
  ];
in
{
  inherit
    escape
    escapeNixString
    escapeShellArg
    escapeShellArgs
    isValidPosixName
    toShellVar
    ;

  charToInt = c: ascii.${c};
  lowerChars = lower;
  upperChars = upper;
  toLower = replaceStrings upper lower;
  toUpper = replaceStrings lower upper;

  toShellVars = vars: builtins.concatStringsSep "\n" (mapAttrsToList toShellVar vars);
  escapeRegex = escape (stringToCharacters "\\[{()^$?*+|.");
  escapeNixIdentifier =
    s: if match "[a-zA-Z_][a-zA-Z0-9_'-]*" s != null && !elem s keywords then s else escapeNixString s;
  escapeXML = replaceStrings [ "\"" "'" "<" ">" "&" ] [ "&quot;" "&apos;" "&lt;" "&gt;" "&amp;" ];
  escapeURL = replaceStrings (attrNames reserved) (map (c: "%${hex reserved.${c}}") (attrNames reserved));
  escapeC =
    chars: replaceStrings chars (map (c: "\\x${lib.toLower (hex ascii.${c})}") chars);
}
