# evalModules: the fixed point of a set of modules.
{ lib }:
let
  inherit (builtins) head mapAttrs seq;
  inherit (lib)
    addErrorContext
    isOption
    mapAttrsRecursiveCond
    recursiveUpdate
    reverseList
    setAttrByPath
    types
    ;
  inherit (lib.modules) collectModules internalModule mergeModules unmatchedError;

  evalModules =
    evalArgs@{
      modules,
      # where in a larger configuration this one lies; for messages and documentation
      prefix ? [ ],
      # arguments that may already be used in `imports`
      specialArgs ? { },
      # a kind of configuration; modules that name another kind are refused
      class ? null,
    }:
    let
      type = types.submoduleWith { inherit modules specialArgs class; };

      moduleArgs = {
        inherit lib options specialArgs;
        _class = class;
        _prefix = prefix;
        config = addErrorContext "if you get an infinite recursion here, you probably reference `config` in `imports`. Import unconditionally instead, and put what depends on `config` into `mkIf`." config;
      }
      // specialArgs;

      collected = collectModules class (specialArgs.modulesPath or "") (
        modules
        ++ [
          (internalModule {
            inherit prefix specialArgs extendModules;
            moduleType = type;
          })
        ]
      ) moduleArgs;

      # Later modules come first: a list option shows its definitions in that order.
      merged = mergeModules prefix (reverseList collected.modules);
      options = merged.matchedOptions;

      declared = mapAttrsRecursiveCond (v: !isOption v) (_: v: v.value) options;
      inherit (declared._module) freeformType;

      # What no option takes, merged by the freeform type.  The paths of the two sides never meet.
      free =
        if merged.unmatchedDefns == [ ] then
          { }
        else
          freeformType.merge prefix (
            map (def: {
              inherit (def) file;
              value = setAttrByPath def.prefix def.value;
            }) merged.unmatchedDefns
          );
      config = if freeformType == null then declared else recursiveUpdate free declared;

      checkUnmatched =
        if config._module.check && config._module.freeformType == null && merged.unmatchedDefns != [ ] then
          unmatchedError prefix options (head merged.unmatchedDefns)
        else
          null;
      checked = seq checkUnmatched;

      extendModules =
        extra:
        assert lib.assertMsg (removeAttrs extra [
          "modules"
          "prefix"
          "specialArgs"
        ] == { }) "extendModules: the arguments are modules, specialArgs and prefix.";
        evalModules (
          evalArgs
          // {
            modules = modules ++ extra.modules or [ ];
            specialArgs = specialArgs // extra.specialArgs or { };
            prefix = extra.prefix or prefix;
          }
        );
    in
    {
      _type = "configuration";
      options = checked options;
      config = checked (removeAttrs config [ "_module" ]);
      _module = checked config._module;
      inherit (collected) graph;
      inherit class extendModules type;
    };
in
{
  inherit evalModules;
}
