# What an option type is, and how types are made, checked and merged with each other.
{ lib }:
let
  inherit (builtins) all filter;
  inherit (lib.options) showDefs showOption;

  isType = tag: x: (x._type or "") == tag;

  defaultTypeMerge =
    mine: theirs:
    let
      payload = mine.binOp mine.payload theirs.payload;
    in
    if mine.name != theirs.name then
      null
    else if mine.payload == null then
      mine.type
    else if payload == null then
      null
    else
      mine.type payload;

  defaultFunctor = name: {
    inherit name;
    type = lib.types.${name} or null;
    payload = null;
    binOp = _: _: null;
  };

  mkOptionType =
    {
      name,
      description ? null,
      # How the description reads inside another one; see optionDescriptionPhrase.  One of "noun", "conjunction",
      # "composite", "nonRestrictiveClause".
      descriptionClass ? null,
      # Looks at the outside of a value only: what is inside stays lazy and is checked where it is merged.
      check ? (_: true),
      merge ? lib.options.mergeDefaultOption,
      # { value = ...; } if there is a value that stands for no definition at all
      emptyValue ? { },
      getSubOptions ? (_prefix: { }),
      getSubModules ? null,
      substSubModules ? (_modules: null),
      typeMerge ? defaultTypeMerge functor,
      # The type as data, for merging it with another declaration's: { name, type, payload, binOp }.
      functor ? defaultFunctor name,
      deprecationMessage ? null,
      nestedTypes ? { },
    }:
    {
      _type = "option-type";
      description = if description == null then name else description;
      inherit
        name
        descriptionClass
        check
        merge
        emptyValue
        getSubOptions
        getSubModules
        substSubModules
        typeMerge
        functor
        deprecationMessage
        nestedTypes
        ;
    };

  # What is wrong with the definitions, judged by a check alone; null if nothing is.
  defsError =
    prefix: check: defs:
    let
      wrong = def: !check def.value;
    in
    if all (def: check def.value) defs then
      null
    else
      { message = "Definition values:${prefix}${showDefs (filter wrong defs)}"; };

  # Types in the newer style check and merge in one step: `merge.v2` yields { headError, value, valueMeta }, so that a
  # type around them can ask whether the definitions fit without having them merged.  `check` and `merge` stay callable.
  checked = f: {
    __functor = _: f;
    isV2MergeCoherent = true;
  };
  merging = v2: {
    __functor = self: loc: defs: (self.v2 { inherit loc defs; }).value;
    inherit v2;
  };

  requireCoherent =
    loc: type:
    if type.check.isV2MergeCoherent or false then
      type
    else
      throw ''
        The option `${showOption loc}' has a type `${type.description}' that uses
        an ad-hoc `type // { check = ...; }' override, which is incompatible with
        the v2 merge mechanism: its `merge' would not use the new `check'.

        Please use `lib.types.addCheck` to add a check to a type.
      '';

  # The same question to types of both styles.
  mergeChecked =
    type:
    { loc, defs }@args:
    if type.merge ? v2 then
      (requireCoherent loc type).merge.v2 args
    else
      {
        headError = defsError "" type.check defs;
        value = type.merge loc defs;
        valueMeta = { };
      };
in
{
  inherit
    isType
    defaultTypeMerge
    defaultFunctor
    mkOptionType
    mergeChecked
    ;

  setType = tag: value: value // { _type = tag; };
  isOptionType = isType "option-type";

  # A type made of checks and merges that know each other.  `merge` yields { value, valueMeta ? { } }.
  mkCheckedType =
    { check, merge, ... }@args:
    mkOptionType (
      args
      // {
        check = checked check;
        merge = merging (
          { loc, defs }:
          {
            headError = defsError " " check defs;
            valueMeta = { };
          }
          // merge { inherit loc defs; }
        );
      }
    );

  # The functor of a type around another one.
  elemTypeFunctor =
    name: payload:
    defaultFunctor name
    // {
      inherit payload;
      binOp =
        a: b:
        let
          elemType = a.elemType.typeMerge b.elemType.functor;
        in
        if elemType == null then null else { inherit elemType; };
    };

  # A description to stand inside another one, in parentheses if its class could be misread there.
  optionDescriptionPhrase =
    fits: t: if fits (t.descriptionClass or null) then t.description else "(${t.description})";

  addCheck =
    type: check:
    let
      both = x: type.check x && check x;
      v2 =
        args:
        let
          inner = mergeChecked type args;
        in
        inner
        // {
          headError = if inner.headError != null then inner.headError else defsError " " check args.defs;
        };
    in
    if type.merge ? v2 then
      type
      // {
        check = checked both;
        merge = merging v2;
      }
    else
      type // { check = both; };

  mergeTypes =
    a: b:
    let
      merged = a.typeMerge b.functor;
    in
    assert isType "option-type" a && isType "option-type" b;
    if merged == null then
      {
        _type = "merge-error";
        error = "Cannot merge types";
      }
    else
      merged;
}
