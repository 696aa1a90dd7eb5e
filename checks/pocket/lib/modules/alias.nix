# Options that stand for others: aliases, renamed, merged, changed and removed options.
{ lib }:
let
  inherit (builtins) any filter foldl';
  inherit (lib)
    attrByPath
    getAttrFromPath
    mkIf
    mkMerge
    mkOption
    mkOverride
    optional
    optionalAttrs
    recursiveUpdate
    setAttrByPath
    types
    ;
  inherit (lib.modules) defaultOverridePriority;
  inherit (lib.options) showFiles showOption;

  mkAliasAndWrapDefinitions = wrap: option: mkIf option.isDefined (wrap (mkMerge option.definitions));

  mkAliasAndWrapDefsWithPriority =
    wrap: option:
    let
      again = mkOverride (option.highestPrio or defaultOverridePriority);
    in
    mkIf option.isDefined (wrap (mkMerge (map again option.definitions)));

  # The module that forwards every definition of `from` to `to`, with its priority.
  doRename =
    {
      from,
      to,
      # whether documentation shows the old name
      visible,
      # whether a definition of the old name adds to `warnings`, where there is such an option
      warn,
      # what a reader of the old name gets
      use,
      withPriority ? true,
      # `to` is only touched where this holds
      condition ? true,
    }:
    { config, options, ... }:
    let
      fromOpt = getAttrFromPath from options;
      toValue = attrByPath to (abort "Renaming error: option `${showOption to}' does not exist.") config;
      toType = (attrByPath to { } options).type or (types.submodule { });
      forward = if withPriority then mkAliasAndWrapDefsWithPriority else mkAliasAndWrapDefinitions;
    in
    {
      options = setAttrByPath from (
        mkOption {
          inherit visible;
          description = "Alias of {option}`${showOption to}`.";
          apply = _: use toValue;
        }
        // optionalAttrs (toType != null) { type = toType; }
      );
      config = mkIf condition (mkMerge [
        (optionalAttrs (options ? warnings) {
          warnings = optional (
            warn && fromOpt.isDefined
          ) "The option `${showOption from}' defined in ${showFiles fromOpt.files} has been renamed to `${showOption to}'.";
        })
        (forward (setAttrByPath to) fromOpt)
      ]);
    };

  obsolete =
    from: to: "Obsolete option `${showOption from}' is used. It was renamed to `${showOption to}'.";

  # Stands for "not defined", so that reading such an option never fails.
  unset = "_mkMergedOptionModule";

  mkMergedOptionModule =
    from: to: mergeFn:
    { config, options, ... }:
    let
      isSet = path: getAttrFromPath path config != unset;
      placeholder =
        path:
        setAttrByPath path (mkOption {
          visible = false;
          default = unset;
        });
      warning =
        path:
        "The option `${showOption path}' defined in ${showFiles (getAttrFromPath path options).files} has been changed to `${showOption to}' that has a different type. Please read `${showOption to}' documentation and update your configuration accordingly.";
    in
    {
      options = foldl' recursiveUpdate { } (map placeholder from);
      config = {
        warnings = map warning (filter isSet from);
      }
      // setAttrByPath to (mkMerge (optional (any isSet from) (mergeFn config)));
    };
in
{
  inherit
    doRename
    mkAliasAndWrapDefinitions
    mkAliasAndWrapDefsWithPriority
    mkMergedOptionModule
    ;

  # All definitions of another option with their properties, unlike its value, which has lost them.
  mkAliasDefinitions = mkAliasAndWrapDefinitions (defs: defs);

  mkDerivedConfig = opt: f: mkOverride (opt.highestPrio or defaultOverridePriority) (f opt.value);

  mkAliasOptionModule =
    from: to:
    doRename {
      inherit from to;
      visible = true;
      warn = false;
      use = value: value;
    };

  mkRenamedOptionModule =
    from: to:
    doRename {
      inherit from to;
      visible = false;
      warn = true;
      use = builtins.trace (obsolete from to);
    };

  mkRenamedOptionModuleWith =
    {
      from,
      to,
      # the release with which the old name went; nobody is warned while releases that lack the new one live
      sinceRelease,
    }:
    let
      warn = lib.oldestSupportedReleaseIsAtLeast sinceRelease;
    in
    doRename {
      inherit from to warn;
      visible = false;
      use = lib.warnIf warn (obsolete from to);
    };

  mkChangedOptionModule = from: mkMergedOptionModule [ from ];

  mkRemovedOptionModule =
    path: instead:
    { options, ... }:
    let
      opt = getAttrFromPath path options;
    in
    {
      options = setAttrByPath path (mkOption {
        visible = false;
        apply =
          _:
          throw "The option `${showOption path}' can no longer be used since it's been removed. ${instead}";
      });
      config.assertions = [
        {
          assertion = !opt.isDefined;
          message = ''
            The option definition `${showOption path}' in ${showFiles opt.files} no longer has any effect; please remove it.
            ${instead}
          '';
        }
      ];
    };
}
