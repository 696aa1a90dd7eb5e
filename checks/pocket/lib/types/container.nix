# Types around other types: lists, attribute sets, functions.
{ lib }:
let
  inherit (builtins)
    all
    concatLists
    filter
    isAttrs
    isList
    mapAttrs
    zipAttrsWith
    ;
  inherit (lib) filterAttrs imap1 mkOptionType;
  inherit (lib.modules) mergeDefinitions;
  inherit (lib.types)
    addCheck
    elemTypeFunctor
    mkCheckedType
    optionDescriptionPhrase
    ;

  ofPhrase = optionDescriptionPhrase (class: class == "noun" || class == "composite");

  # What a type around `elemType` takes over from it.
  around =
    elemType: rebuild: placeholder: {
      getSubOptions = prefix: elemType.getSubOptions (prefix ++ [ placeholder ]);
      inherit (elemType) getSubModules;
      substSubModules = modules: rebuild (elemType.substSubModules modules);
      nestedTypes = { inherit elemType; };
      descriptionClass = "composite";
    };

  listOf =
    elemType:
    mkCheckedType (
      around elemType listOf "*"
      // {
        name = "listOf";
        description = "list of ${ofPhrase elemType}";
        check = isList;
        merge =
          { loc, defs }:
          let
            # Elements have no names: errors say which definition and which of its entries.
            entry =
              n: def: m: value:
              mergeDefinitions (loc ++ [ "[definition ${toString n}-entry ${toString m}]" ]) elemType [
                {
                  inherit (def) file;
                  inherit value;
                }
              ];
            entries = concatLists (imap1 (n: def: imap1 (entry n def) def.value) defs);
            defined = filter (e: e.isDefined) entries;
          in
          {
            value = map (e: e.mergedValue) defined;
            valueMeta.list = map (e: e.checkedAndMerged.valueMeta) defined;
          };
        emptyValue.value = [ ];
        functor = elemTypeFunctor "listOf" { inherit elemType; } // {
          type = payload: listOf payload.elemType;
        };
      }
    );

  # Either all declarations agree, or the one that still has the default gives way.
  mergePlaceholder =
    a: b:
    if a == b || b == "name" then
      a
    else if a == "name" then
      b
    else
      null;

  attrsWith =
    {
      elemType,
      # Lazy sets know their names without looking at the definitions, so `mkIf false` cannot take a name away.
      lazy ? false,
      # how documentation writes "any name"
      placeholder ? "name",
    }:
    mkCheckedType (
      around elemType (
        elemType: attrsWith { inherit elemType lazy placeholder; }
      ) "<${placeholder}>"
      // {
        name = if lazy then "lazyAttrsOf" else "attrsOf";
        description = "${if lazy then "lazy attribute set" else "attribute set"} of ${ofPhrase elemType}";
        check = isAttrs;
        merge =
          { loc, defs }:
          let
            perFile = def: mapAttrs (_: value: { inherit (def) file; inherit value; }) def.value;
            merged = zipAttrsWith (name: mergeDefinitions (loc ++ [ name ]) elemType) (map perFile defs);
            kept = if lazy then merged else filterAttrs (_: e: e.isDefined) merged;
            lazyValue = e: if e.isDefined then e.mergedValue else elemType.emptyValue.value or e.mergedValue;
          in
          {
            value = mapAttrs (_: e: if lazy then lazyValue e else e.mergedValue) kept;
            valueMeta.attrs = mapAttrs (_: e: e.checkedAndMerged.valueMeta) kept;
          };
        emptyValue.value = { };
        functor =
          let
            base = elemTypeFunctor "attrsWith" { inherit elemType lazy placeholder; };
          in
          base
          // {
            type = attrsWith;
            binOp =
              a: b:
              let
                elem = base.binOp a b;
                name = mergePlaceholder a.placeholder b.placeholder;
              in
              if elem == null || name == null || a.lazy != b.lazy then
                null
              else
                elem
                // {
                  inherit (a) lazy;
                  placeholder = name;
                };
          };
      }
    );

  functionTo =
    elemType:
    mkOptionType (
      around elemType functionTo "<function body>"
      // {
        name = "functionTo";
        description = "function that evaluates to a(n) ${ofPhrase elemType}";
        check = lib.isFunction;
        merge = loc: defs: {
          # an argument is optional if all definitions can do without it
          __functionArgs = zipAttrsWith (_: all (optional: optional)) (
            map (def: lib.functionArgs def.value) defs
          );
          __functor =
            _: argument:
            (mergeDefinitions (loc ++ [ "<function body>" ]) elemType (
              map (def: {
                inherit (def) file;
                value = def.value argument;
              }) defs
            )).mergedValue;
        };
        functor = elemTypeFunctor "functionTo" { inherit elemType; } // {
          type = payload: functionTo payload.elemType;
        };
      }
    );
in
{
  inherit attrsWith functionTo listOf;

  nonEmptyListOf =
    elemType:
    let
      list = addCheck (listOf elemType) (l: l != [ ]);
    in
    list
    // {
      description = "non-empty ${optionDescriptionPhrase (class: class == "noun") list}";
      emptyValue = { };
      substSubModules = modules: lib.types.nonEmptyListOf (elemType.substSubModules modules);
    };

  attrsOf = elemType: attrsWith { inherit elemType; };
  lazyAttrsOf =
    elemType:
    attrsWith {
      inherit elemType;
      lazy = true;
    };

  # Sets put over each other without a look at their values.
  attrs = mkOptionType {
    name = "attrs";
    description = "attribute set";
    check = isAttrs;
    merge = _: builtins.foldl' (set: def: set // def.value) { };
    emptyValue.value = { };
  };
}
