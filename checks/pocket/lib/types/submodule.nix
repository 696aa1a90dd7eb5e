# Types whose values are configurations, modules, options or types.
{ lib }:
let
  inherit (builtins)
    attrNames
    head
    intersectAttrs
    isAttrs
    length
    ;
  inherit (lib) isFunction mkOptionType optionalAttrs;
  inherit (lib.modules)
    evalModules
    fixupOptionType
    mergeOptionDecls
    setDefaultModuleLocation
    ;
  inherit (lib.options) showOption;
  inherit (lib.types)
    defaultFunctor
    isType
    mkCheckedType
    optionDescriptionPhrase
    path
    ;

  # Documentation looks at types in evaluations that lack half of what they need; checks would only get in the way.
  forDocs = {
    _file = "<built-in module that disables checks for the purpose of documentation generation>";
    config._module.check = lib.mkForce false;
  };

  isModule = x: isAttrs x || isFunction x || path.check x;

  # Two declarations of one setting: null leaves it to the other.
  agree =
    what: a: b:
    if a == null || a == b then
      b
    else if b == null then
      a
    else
      throw "A submoduleWith option is declared multiple times with conflicting ${what}";

  mergePayload = a: b: {
    modules = a.modules ++ b.modules;
    specialArgs =
      let
        both = intersectAttrs a.specialArgs b.specialArgs;
      in
      if both == { } then
        a.specialArgs // b.specialArgs
      else
        throw "A submoduleWith option is declared multiple times with the same specialArgs \"${toString (attrNames both)}\"";
    class = agree "class values \"${toString a.class}\" and \"${toString b.class}\"." a.class b.class;
    shorthandOnlyDefinesConfig =
      agree "shorthandOnlyDefinesConfig values" a.shorthandOnlyDefinesConfig
        b.shorthandOnlyDefinesConfig;
    description = agree "descriptions" a.description b.description;
  };

  submoduleWith =
    {
      modules,
      specialArgs ? { },
      # whether a plain set is taken as `config` altogether, and not as a module that may say `imports` and `options`
      shorthandOnlyDefinesConfig ? false,
      description ? null,
      class ? null,
    }@attrs:
    let
      asModule =
        def:
        if isAttrs def.value && shorthandOnlyDefinesConfig == true then
          {
            _file = def.file;
            config = def.value;
          }
        else
          setDefaultModuleLocation def.file def.value;

      base = evalModules {
        inherit class specialArgs;
        # A name for documentation and for types that are asked without a value.
        modules = [ { _module.args.name = lib.mkOptionDefault "‹name›"; } ] ++ modules;
      };
      docs = prefix: base.extendModules {
        inherit prefix;
        modules = [ forDocs ];
      };
      docsFreeform = (docs [ ])._module.freeformType;
      ofPhrase = optionDescriptionPhrase (class: class == "noun" || class == "composite");
    in
    mkCheckedType {
      name = "submodule";
      description =
        if description != null then
          description
        else if docsFreeform ? description then
          "open submodule of ${ofPhrase docsFreeform}"
        else
          "submodule";
      check = isModule;
      merge =
        { loc, defs }:
        let
          configuration = base.extendModules {
            modules = [ { _module.args.name = lib.last loc; } ] ++ map asModule defs;
            prefix = loc;
          };
        in
        {
          value = configuration.config;
          valueMeta = { inherit configuration; };
        };
      emptyValue.value = base.config;
      getSubOptions =
        prefix:
        let
          at = docs prefix;
          inherit (at._module) freeformType;
        in
        at.options
        # The name of this attribute is never shown; options know their own place.
        // optionalAttrs (freeformType != null) { _freeformOptions = freeformType.getSubOptions prefix; };
      getSubModules = modules;
      substSubModules = modules: submoduleWith (attrs // { inherit modules; });
      nestedTypes =
        let
          inherit (base._module) freeformType;
        in
        optionalAttrs (freeformType != null) { inherit freeformType; };
      functor = defaultFunctor "submodule" // {
        type = submoduleWith;
        payload = {
          inherit
            modules
            specialArgs
            shorthandOnlyDefinesConfig
            description
            class
            ;
        };
        binOp = mergePayload;
      };
    };

  deferredModuleWith =
    {
      # modules whose options are documented although they are used elsewhere
      staticModules ? [ ],
    }:
    let
      static = submoduleWith { modules = staticModules; };
    in
    mkOptionType {
      name = "deferredModule";
      description = "module";
      descriptionClass = "noun";
      check = isModule;
      merge = loc: defs: {
        imports =
          staticModules
          ++ map (
            def: setDefaultModuleLocation "${def.file}, via option ${showOption loc}" def.value
          ) defs;
      };
      inherit (static) getSubOptions getSubModules;
      substSubModules = staticModules: deferredModuleWith { inherit staticModules; };
      functor = defaultFunctor "deferredModuleWith" // {
        type = deferredModuleWith;
        payload = { inherit staticModules; };
        binOp = a: b: { staticModules = a.staticModules ++ b.staticModules; };
      };
    };
in
{
  inherit deferredModuleWith submoduleWith;

  submodule =
    modules:
    submoduleWith {
      shorthandOnlyDefinesConfig = true;
      modules = lib.toList modules;
    };

  deferredModule = deferredModuleWith { };

  optionDeclaration = mkOptionType {
    name = "optionDeclaration";
    description = "option declaration";
    descriptionClass = "noun";
    check = opt: isType "option" opt && !(opt ? value);
  };

  # Several definitions of a type merge as several declarations of one option do.
  optionType = mkOptionType {
    name = "optionType";
    description = "optionType";
    descriptionClass = "noun";
    check = isType "option-type";
    merge =
      loc: defs:
      let
        declare = def: {
          _file = def.file;
          pos = null;
          options = lib.mkOption { type = def.value; };
        };
      in
      if length defs == 1 then
        (head defs).value
      else
        (fixupOptionType loc (mergeOptionDecls loc (map declare defs))).type;
  };
}
