# What Nix says of generated types and values: of each case whether the value is of the type, and what the type is as data again.
{
  nixpkgs,
  infra,
  cases,
}:
let
  lib = import (nixpkgs + "/lib");
  inherit ((import (infra + "/nix/lib") { inherit lib; }).types) offered toData patterns;
  t = lib.types;

  # The opposite of toData, for the types that are generated.
  ofData =
    data:
    {
      string = t.str;
      nonEmptyString = t.nonEmptyStr;
      int = t.int;
      bool = t.bool;
      float = t.float;
      path = t.path;
      anything = t.anything;
      intBetween =
        if data.max or null != null then
          t.ints.between data.min data.max
        else if data.min == 0 then
          t.ints.unsigned
        else
          t.ints.positive;
      enum = t.enum data.values;
      matching = t.strMatching data.pattern;
      listOf = t.listOf (ofData data.of);
      attrsOf = t.attrsOf (ofData data.of);
      nullOr = t.nullOr (ofData data.of);
      either = t.oneOf (map ofData data.types);
      submodule = offered.submodule { options = builtins.mapAttrs (_: field) data.fields; };
    }
    .${data.kind} or offered.${data.kind};

  field =
    data:
    lib.mkOption (
      { type = ofData data.type; } // lib.optionalAttrs (data ? default) { inherit (data) default; }
    );

  accepts =
    type: value:
    let
      definition = {
        file = "a value";
        inherit value;
      };
      merged = (lib.modules.mergeDefinitions [ "verdict" ] type [ definition ]).mergedValue;
    in
    (builtins.tryEval (builtins.deepSeq merged true)).success;
in
map (
  case:
  let
    type = ofData case.type;
  in
  {
    accepts = accepts type case.value;
    data = toData type;
  }
) (builtins.fromJSON (builtins.readFile cases))
