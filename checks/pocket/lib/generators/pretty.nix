# Any Nix value as text for people: what messages and documentation show.
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    elem
    filter
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isPath
    isString
    length
    mapAttrs
    replaceStrings
    split
    ;
  inherit (lib)
    addErrorContext
    escape
    functionArgs
    init
    isFunction
    last
    mapAttrsToList
    ;
  inherit (lib.strings) escapeNixIdentifier;

  showFunction =
    f:
    let
      args = mapAttrsToList (name: optional: if optional then "${name}?" else name) (functionArgs f);
    in
    if args == [ ] then "<function>" else "<function, args: {${concatStringsSep ", " args}}>";

  plainLine = escape [
    "\\"
    "\""
    "\${"
  ];
  indentedLine = replaceStrings [ "\${" "''" ] [ "''\${" "'''" ];

  # open, close: the line breaks before an item and before the end
  showString =
    multiline: open: close: s:
    let
      lines = filter (line: !isList line) (split "\n" s);
      indented = map indentedLine lines;
      ending = if last indented == "" then close else open + last indented;
    in
    if multiline && length lines > 1 then
      "''${open}${concatStringsSep open (init indented)}${ending}''"
    else
      "\"${concatStringsSep "\\n" (map plainLine lines)}\"";

  toPretty =
    {
      # whether { __pretty; val; } says itself how it looks
      allowPrettyValues ? false,
      multiline ? true,
      indent ? "",
    }:
    let
      show =
        indent: v:
        let
          open = if multiline then "\n${indent}  " else " ";
          close = if multiline then "\n${indent}" else " ";
          inner = show (indent + "  ");
          enclosed = left: right: items: "${left}${open}${concatStringsSep open items}${close}${right}";
          attribute =
            name: value:
            "${escapeNixIdentifier name} = ${
              addErrorContext "while evaluating an attribute `${name}`" (inner value)
            };";
        in
        if isInt v || isPath v then
          toString v
        else if isFloat v then
          builtins.toJSON v # toString cuts digits off
        else if isString v then
          showString multiline open close v
        else if isBool v then
          lib.boolToString v
        else if v == null then
          "null"
        else if isList v then
          (if v == [ ] then "[ ]" else enclosed "[" "]" (map inner v))
        else if isFunction v then
          showFunction v
        else if !isAttrs v then
          abort "generators.toPretty: values of type ${builtins.typeOf v} cannot be shown"
        else if allowPrettyValues && v ? __pretty && v ? val then
          v.__pretty v.val
        else if v == { } then
          "{ }"
        else if v.type or null == "derivation" then
          "<derivation ${v.name or "???"}>"
        else
          enclosed "{" "}" (mapAttrsToList attribute v);
    in
    show indent;

  # Their value decides how the set around them behaves; a set stays what it is.
  special = [
    "__functor"
    "__functionArgs"
    "__toString"
    "__pretty"
  ];

  withRecursion =
    {
      depthLimit,
      throwOnDepthLimit ? true,
    }:
    let
      limit =
        depth: v:
        if depthLimit == null || depth <= depthLimit then
          v
        else if throwOnDepthLimit then
          throw "Exceeded maximum eval-depth limit of ${toString depthLimit} while trying to evaluate with `generators.withRecursion'!"
        else
          "<unevaluated>";
      walk =
        depth: v:
        let
          next = x: walk (depth + 1) (limit (depth + 1) x);
        in
        if isAttrs v then
          mapAttrs (name: value: if elem name special then value else next value) v
        else if isList v then
          map next v
        else
          limit (depth + 1) v;
    in
    assert isInt depthLimit;
    walk 0;
in
{
  inherit toPretty withRecursion;
}
