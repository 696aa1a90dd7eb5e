# From the definitions of one option to its value: properties off, types checked, values merged.
{ lib }:
let
  inherit (builtins)
    any
    concatMap
    head
    isAttrs
    length
    ;
  inherit (lib) addErrorContext pushDownProperties zipAttrs;
  inherit (lib.modules)
    defaultOverridePriority
    dischargeProperties
    filterOverrides'
    mkOptionDefault
    sortProperties
    ;
  inherit (lib.options) showDefs showFiles showOption;
  inherit (lib.types) mergeChecked;

  inFile = file: addErrorContext "while evaluating definitions from `${file}':";

  # Most options have exactly one definition without any property around it: nothing to decide, filter or sort.
  isPlain = def: inFile def.file (!(isAttrs def.value && def.value ? _type));

  # mkMerge and mkIf off; every value with its file.  A "definition" brings its own.
  dischargeDef =
    def:
    map (
      value:
      if value._type or null == "definition" then
        value
      else
        {
          inherit (def) file;
          inherit value;
        }
    ) (inFile def.file (dischargeProperties def.value));

  finalDefs =
    defs:
    if length defs == 1 && isPlain (head defs) then
      {
        values = defs;
        highestPrio = defaultOverridePriority;
      }
    else
      let
        strongest = filterOverrides' (concatMap dischargeDef defs);
        ordered = any (def: def.value._type or "" == "order") strongest.values;
      in
      {
        inherit (strongest) highestPrio;
        values = if ordered then sortProperties strongest.values else strongest.values;
      };

  mergeDefinitions =
    loc: type: defs:
    let
      defsFinal' = finalDefs defs;
      defsFinal = defsFinal'.values;
      isDefined = defsFinal != [ ];

      merged = mergeChecked type { inherit loc; defs = defsFinal; };
      # Types that check and merge in one step report what they found; for the others only the values are known.
      complaint = (if type.merge ? v2 then "TypeError: " else "") + merged.headError.message;

      mergedValue =
        if isDefined then
          if merged.headError == null then
            merged.value
          else
            throw "A definition for option `${showOption loc}' is not of type `${type.description}'. ${complaint}"
        else
          type.emptyValue.value
            or (throw "The option `${showOption loc}' was accessed but has no value defined. Try setting the option.");
    in
    {
      inherit
        defsFinal
        defsFinal'
        isDefined
        mergedValue
        ;
      checkedAndMerged = merged // {
        valueMeta = merged.valueMeta // lib.optionalAttrs (type.merge ? v2) { _internal = { inherit type; }; };
      };
      optionalValue = if isDefined then { value = mergedValue; } else { };
    };

  # A read-only option has one definition, its default included.  Each is merged alone, for a readable message.
  readOnlyError =
    loc: opt: defs:
    let
      alone = def: def // { value = (mergeDefinitions loc opt.type [ def ]).mergedValue; };
    in
    throw "The option `${showOption loc}' is read-only, but it's set multiple times. Definition values:${showDefs (map alone defs)}";

  evalOptionValue =
    loc: opt: defs:
    let
      fromDefault = {
        file = head opt.declarations;
        value = mkOptionDefault opt.default;
      };
      allDefs = if opt ? default then [ fromDefault ] ++ defs else defs;

      merged =
        if opt.readOnly or false && length allDefs > 1 then
          readOnlyError loc opt allDefs
        else
          mergeDefinitions loc opt.type allDefs;

      value = (opt.apply or (v: v)) merged.mergedValue;

      warnIfDeprecated = lib.warnIf (
        opt.type.deprecationMessage != null
      ) "The type `types.${opt.type.name}' of option `${showOption loc}' defined in ${showFiles opt.declarations} is deprecated. ${opt.type.deprecationMessage}";
    in
    warnIfDeprecated opt
    // {
      value = addErrorContext "while evaluating the option `${showOption loc}':" value;
      inherit (merged.defsFinal') highestPrio;
      definitions = map (def: def.value) merged.defsFinal;
      files = map (def: def.file) merged.defsFinal;
      definitionsWithLocations = merged.defsFinal;
      inherit (merged) isDefined;
      inherit (merged.checkedAndMerged) valueMeta;
      # so that "${options.services.web.enable}" is the option's name
      __toString = _: showOption loc;
    };

  # Merge an attrsOf option's definitions attribute by attribute and keep each one's priority.
  mergeAttrDefinitionsWithPrio =
    opt:
    let
      perAttr =
        def: map (lib.mapAttrsToList (name: value: { ${name} = def // { inherit value; }; })) (pushDownProperties def.value);
      byName = zipAttrs (builtins.concatLists (concatMap perAttr opt.definitionsWithLocations));
    in
    assert opt.type.name == "attrsOf" || opt.type.name == "lazyAttrsOf";
    builtins.mapAttrs (
      name: defs:
      let
        merged = mergeDefinitions (opt.loc ++ [ name ]) opt.type.nestedTypes.elemType defs;
      in
      {
        value = merged.mergedValue;
        inherit (merged.defsFinal') highestPrio;
      }
    ) byName;
in
{
  inherit evalOptionValue mergeAttrDefinitionsWithPrio mergeDefinitions;
}
