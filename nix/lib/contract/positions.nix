# Where in the repository a need is declared.
#
# The module system knows which file a definition came from; the place of the attribute Nix knows, unless a function made it.
{ lib }:
let
  # Relative to the repository; a file that is not in it keeps its own name.
  within =
    root: file:
    if root != "" && lib.hasPrefix "${root}/" file then
      builtins.substring (builtins.stringLength root + 1) (-1) file
    else
      file;

  # What `mkIf false` holds is not declared.
  isSaid = value: value._type or null != "if" || value.condition;

  placeOf =
    root: name: definition:
    let
      found = builtins.unsafeGetAttrPos name definition.value;
      definedIn = toString definition.file;
      inside = found != null && (root == "" || lib.hasPrefix "${root}/" found.file);
    in
    if inside then
      {
        file = within root found.file;
        inherit (found) line column;
      }
    else
      { file = within root definedIn; };
in
{
  # Of kind and name to the list of places.
  of =
    { options, root }:
    kind:
    let
      definitions = builtins.filter (definition: builtins.isAttrs definition.value) options.infra.${kind}.definitionsWithLocations;
    in
    name:
    map (placeOf root name) (
      builtins.filter (
        definition: definition.value ? ${name} && isSaid definition.value.${name}
      ) definitions
    );

  # The first place as one writes it: file:line:column.
  text =
    places: kind: name:
    let
      found = places kind name;
      first = builtins.head found;
    in
    if found == [ ] then
      "infra.${kind}.${name}"
    else if first ? line then
      "${first.file}:${toString first.line}:${toString first.column}"
    else
      first.file;
}
