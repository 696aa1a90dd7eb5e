# Types of values that may be one thing or another.
{ lib }:
let
  inherit (builtins)
    elem
    elemAt
    filter
    foldl'
    head
    isBool
    isInt
    isString
    length
    tail
    typeOf
    ;
  inherit (lib) assertMsg boolToString mkOptionType;
  inherit (lib.options)
    getFiles
    mergeEqualOption
    mergeOneOption
    mergeUniqueOption
    showDefs
    showFiles
    showOption
    ;
  inherit (lib.types)
    defaultFunctor
    elemTypeFunctor
    mergeChecked
    mkCheckedType
    optionDescriptionPhrase
    ;

  isNoun = class: class == "noun";
  isAlternative = class: class == "noun" || class == "conjunction";

  # The parts of a type that is its inner type with something added.
  like = type: rebuild: {
    inherit (type) getSubOptions getSubModules;
    substSubModules = modules: rebuild (type.substSubModules modules);
  };

  unique =
    { message }:
    type:
    mkOptionType (
      like type (unique { inherit message; })
      // {
        name = "unique";
        inherit (type) description descriptionClass check emptyValue;
        merge = mergeUniqueOption {
          inherit message;
          inherit (type) merge;
        };
        functor = elemTypeFunctor "unique" { elemType = type; } // {
          type = payload: unique { inherit message; } payload.elemType;
        };
        nestedTypes.elemType = type;
      }
    );

  nullOr =
    elemType:
    mkOptionType (
      like elemType nullOr
      // {
        name = "nullOr";
        description = "null or ${optionDescriptionPhrase isAlternative elemType}";
        descriptionClass = "conjunction";
        check = x: x == null || elemType.check x;
        merge =
          loc: defs:
          let
            nulls = filter (def: def.value == null) defs;
          in
          if nulls == [ ] then
            elemType.merge loc defs
          else if length nulls == length defs then
            null
          else
            throw "The option `${showOption loc}` is defined both null and not null, in ${showFiles (getFiles defs)}.";
        emptyValue.value = null;
        functor = elemTypeFunctor "nullOr" { inherit elemType; } // {
          type = payload: nullOr payload.elemType;
        };
        nestedTypes = { inherit elemType; };
      }
    );

  enum =
    values:
    let
      show =
        v:
        if isString v then
          ''"${v}"''
        else if isInt v then
          toString v
        else if isBool v then
          boolToString v
        else
          "<${typeOf v}>";
      count = length values;
    in
    mkOptionType {
      name = "enum";
      # An empty enum is a place for other declarations to add their values to.
      description =
        if count == 0 then
          "impossible (empty enum)"
        else if count == 1 then
          "value ${show (head values)} (singular enum)"
        else
          "one of ${lib.concatMapStringsSep ", " show values}";
      descriptionClass = if count < 2 then "noun" else "conjunction";
      check = x: elem x values;
      merge = mergeEqualOption;
      functor = defaultFunctor "enum" // {
        payload = { inherit values; };
        type = payload: enum payload.values;
        binOp = a: b: { values = lib.unique (a.values ++ b.values); };
      };
    };

  either =
    t1: t2:
    let
      functor = elemTypeFunctor "either" {
        elemType = [
          t1
          t2
        ];
      };
      left =
        if t1.descriptionClass or null == "nonRestrictiveClause" then
          "${t1.description}, or ${optionDescriptionPhrase isAlternative t2}"
        else
          "${optionDescriptionPhrase isAlternative t1} or ${
            optionDescriptionPhrase (class: isAlternative class || class == "composite") t2
          }";
    in
    mkCheckedType {
      name = "either";
      description = left;
      descriptionClass = "conjunction";
      check = x: t1.check x || t2.check x;
      # All definitions must fit the same side.
      merge =
        { loc, defs }@args:
        let
          first = mergeChecked t1 args;
          second = mergeChecked t2 args;
          headError.message = "The option `${showOption loc}` is neither a value of type `${t1.description}` nor `${t2.description}`, Definition values: ${showDefs defs}";
          neither = {
            inherit headError;
            valueMeta = { inherit headError; };
            value = lib.warn ''
              ${headError.message}
              The definitions fit neither side of the type, which only a caller can see that does not ask for errors, as
              with `freeformType = types.either ...`: put `attrsOf` around such a type.
            '' (mergeOneOption loc defs);
          };
        in
        if first.headError == null then
          first
        else if second.headError == null then
          second
        else
          neither;
      inherit functor;
      typeMerge =
        other:
        let
          m1 = t1.typeMerge (head other.payload.elemType).functor;
          m2 = t2.typeMerge (elemAt other.payload.elemType 1).functor;
        in
        if other.name == "either" && m1 != null && m2 != null then either m1 m2 else null;
      nestedTypes = {
        left = t1;
        right = t2;
      };
    };

  coercedTo =
    from: coerce: to:
    assert assertMsg (
      from.getSubModules == null
    ) "coercedTo: coercedType must not have submodules (it’s a ${from.description})";
    let
      check = x: (from.check x && to.check (coerce x)) || to.check x;
      # Asked of the whole type, since a check of the outside alone may not see the difference.
      fits =
        loc: def:
        (mergeChecked from {
          inherit loc;
          defs = [ def ];
        }).headError == null;
    in
    mkCheckedType (
      like to (coercedTo from coerce)
      // {
        name = "coercedTo";
        description = "${optionDescriptionPhrase isNoun to} or ${optionDescriptionPhrase isNoun from} convertible to it";
        inherit check;
        merge =
          { loc, defs }:
          let
            coerceDef = def: if fits loc def then def // { value = coerce def.value; } else def;
            merged = mergeChecked to {
              inherit loc;
              defs = map coerceDef defs;
            };
          in
          # An older-style type is judged together with the coercion, by the check above.
          if to.merge ? v2 then merged else removeAttrs merged [ "headError" ];
        inherit (to) emptyValue;
        typeMerge = _: null;
        functor = defaultFunctor "coercedTo";
        nestedTypes = {
          coercedType = from;
          finalType = to;
        };
      }
    );

  oneOf =
    ts:
    if ts == [ ] then
      throw "types.oneOf needs to get at least one type in its argument"
    else
      foldl' either (head ts) (tail ts);

  serializableValueWith =
    {
      typeName,
      nullable ? true,
    }:
    let
      inherit (lib.types)
        attrsOf
        bool
        float
        int
        listOf
        path
        str
        ;
      plain = oneOf [
        bool
        int
        float
        str
        path
        (attrsOf value)
        (listOf value)
      ];
      value = (if nullable then nullOr plain else plain) // {
        description = "${typeName} value";
      };
    in
    value;
in
{
  inherit
    coercedTo
    either
    enum
    nullOr
    oneOf
    serializableValueWith
    unique
    ;

  uniq = unique { message = ""; };

  json = serializableValueWith { typeName = "JSON"; };
  toml = serializableValueWith {
    typeName = "TOML";
    nullable = false;
  };
}
