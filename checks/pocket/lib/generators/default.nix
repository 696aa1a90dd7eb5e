# Text formats made of Nix values.
{ lib }:
let
  inherit (builtins)
    concatLists
    concatStringsSep
    head
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isString
    length
    tail
    ;
  inherit (lib)
    escape
    hasInfix
    isDerivation
    isFunction
    mapAttrsToList
    ;

  pretty = import ./pretty.nix { inherit lib; };

  # Only what every simple format writes the same way; lists and sets need a decision by the caller.
  mkValueStringDefault =
    { }:
    v:
    let
      refuse = what: shown: abort "generators.mkValueStringDefault: ${what} not supported: ${shown}";
      show = pretty.toPretty { };
    in
    if isInt v || isDerivation v then
      toString v
    else if isString v then
      v
    else if isBool v then
      lib.boolToString v
    else if v == null then
      "null"
    else if isFloat v then
      lib.strings.floatToString v
    else if isList v then
      refuse "lists" (show v)
    else if isFunction v then
      refuse "functions" (show v)
    else if isAttrs v then
      refuse "attrsets" (show v)
    else
      refuse "this value is" (toString v);

  mkKeyValueDefault =
    {
      mkValueString ? mkValueStringDefault { },
    }:
    sep: key: value:
    "${escape [ sep ] key}${sep}${mkValueString value}";

  toKeyValue =
    {
      mkKeyValue ? mkKeyValueDefault { } "=",
      listsAsDuplicateKeys ? false,
      indent ? "",
    }:
    let
      line = key: value: "${indent}${mkKeyValue key value}\n";
      lines =
        key: value:
        if listsAsDuplicateKeys && isList value then map (line key) value else [ (line key value) ];
    in
    set: concatStringsSep "" (concatLists (mapAttrsToList lines set));

  toINI =
    {
      mkSectionName ? escape [
        "["
        "]"
      ],
      mkKeyValue ? mkKeyValueDefault { } "=",
      listsAsDuplicateKeys ? false,
    }:
    let
      body = toKeyValue { inherit mkKeyValue listsAsDuplicateKeys; };
      section = name: values: "[${mkSectionName name}]\n${body values}";
    in
    sections: concatStringsSep "\n" (mapAttrsToList section sections);

  toINIWithGlobalSection =
    args:
    {
      globalSection,
      sections ? { },
    }:
    let
      keyValueArgs = removeAttrs args [ "mkSectionName" ];
      global = if globalSection == { } then "" else toKeyValue keyValueArgs globalSection + "\n";
    in
    global + toINI args sections;

  # Git knows sections with a name below them: a.b.c = 1 is `c` in [a "b"].
  gitSection =
    name:
    let
      parts = lib.splitString "." name;
    in
    if hasInfix "\"" name || length parts == 1 then
      name
    else
      ''${head parts} "${concatStringsSep "." (tail parts)}"'';
  gitValue =
    v:
    mkValueStringDefault { } (
      if isString v then
        ''"${builtins.replaceStrings [ "\n" "\t" "\"" "\\" ] [ "\\n" "\\t" "\\\"" "\\\\" ] v}"''
      else
        v
    );
  gitFlatten =
    path: value:
    if isAttrs value && !isDerivation value then
      builtins.concatMap (name: gitFlatten (path ++ [ name ]) value.${name}) (builtins.attrNames value)
    else
      [ { ${concatStringsSep "." (lib.init path)}.${lib.last path} = value; } ];
  toGitINI =
    let
      line = key: value: "\t" + mkKeyValueDefault { mkValueString = gitValue; } " = " key value;
      ini = toINI {
        mkSectionName = gitSection;
        mkKeyValue =
          key: value: if isList value then lib.concatMapStringsSep "\n" (line key) value else line key value;
      };
    in
    set: ini (builtins.foldl' lib.recursiveUpdate { } (gitFlatten [ ] set));
in
{
  inherit (pretty) toPretty withRecursion;
  inherit
    mkKeyValueDefault
    mkValueStringDefault
    toGitINI
    toINI
    toINIWithGlobalSection
    toKeyValue
    ;

  toJSON = { }: builtins.toJSON;
  # JSON is YAML.
  toYAML = { }: builtins.toJSON;

  mkLuaInline = expr: {
    _type = "lua-inline";
    inherit expr;
  };
}
