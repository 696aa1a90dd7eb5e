# Ways to merge the definitions of one option; the types choose among them.
{ lib }:
let
  inherit (builtins)
    all
    foldl'
    head
    isAttrs
    isBool
    isInt
    isList
    isString
    length
    tail
    ;
  inherit (lib.options) showDefs showOption;

  advice = ''
    Use `lib.mkForce value` or `lib.mkDefault value` to change the priority on any of these definitions.
  '';

  getValues = map (def: def.value);

  mergeUniqueOption =
    {
      message,
      # pass the inner type's merge wherever its check alone does not look at everything
      merge ? _loc: defs: (head defs).value,
    }:
    loc: defs:
    if length defs == 1 then
      merge loc defs
    else
      throw "The option `${showOption loc}' is defined multiple times while it's expected to be unique.\n${message}\nDefinition values:${showDefs defs}\n${advice}";
in
{
  inherit getValues mergeUniqueOption;

  getFiles = map (def: def.file);

  mergeOneOption = mergeUniqueOption { message = ""; };

  mergeEqualOption =
    loc: defs:
    let
      same =
        first: def:
        if def.value == first.value then
          first
        else
          throw "The option `${showOption loc}' has conflicting definition values:${
            showDefs [
              first
              def
            ]
          }\n${advice}";
    in
    # A function does not even equal itself: the first definition is never compared.
    (foldl' same (head defs) (tail defs)).value;

  # For types that say nothing about merging: by the kind of the values.
  mergeDefaultOption =
    loc: defs:
    let
      values = getValues defs;
      first = head values;
    in
    if length values == 1 then
      first
    else if all isList values then
      builtins.concatLists values
    else if all isAttrs values then
      foldl' (a: b: a // b) { } values
    else if all isBool values then
      builtins.any (b: b) values
    else if all isString values then
      builtins.concatStringsSep "" values
    else if all isInt values && all (v: v == first) values then
      first
    else
      throw "Cannot merge definitions of `${showOption loc}'. Definition values:${showDefs defs}";
}
