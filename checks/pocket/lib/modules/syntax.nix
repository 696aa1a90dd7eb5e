# The several ways to write a module, brought into one form: { _file, _class, key, disabledModules, imports, options, config }.
{ lib }:
let
  inherit (builtins) attrNames head isAttrs;
  inherit (lib)
    addErrorContext
    functionArgs
    isFunction
    mkMerge
    ;

  # what a module may say beside its options and its configuration
  aboutModule = [
    "_class"
    "_file"
    "disabledModules"
    "freeformType"
    "imports"
    "key"
  ];
  structured = aboutModule ++ [
    "config"
    "meta"
    "options"
  ];

  # `freeformType` and `meta` beside `options` are short for definitions.
  withShortcuts =
    m: shortcuts: config:
    let
      extra =
        (if shortcuts ? meta then [ { inherit (m) meta; } ] else [ ])
        ++ (if m ? freeformType then [ { _module.freeformType = m.freeformType; } ] else [ ]);
    in
    if extra == [ ] then config else mkMerge ([ config ] ++ extra);

  unifyModuleSyntax =
    file: key: m:
    let
      common = {
        _file = toString (m._file or file);
        _class = m._class or null;
        key = toString (m.key or key);
        disabledModules = m.disabledModules or [ ];
      };
      unsupported = removeAttrs m structured;
    in
    if !isAttrs m then
      throw "module ${file} (${key}) does not look like a module."
    else if m ? config || m ? options then
      if unsupported != { } then
        throw "Module `${key}' has an unsupported attribute `${head (attrNames unsupported)}'. This is caused by introducing a top-level `config' or `options' attribute. Add configuration attributes immediately on the top level instead, or move all of them (namely: ${toString (attrNames unsupported)}) into the explicit `config' attribute."
      else
        common
        // {
          imports = m.imports or [ ];
          options = m.options or { };
          config = withShortcuts m m (m.config or { });
        }
    else
      common
      // {
        imports = m.require or [ ] ++ m.imports or [ ];
        options = { };
        # here `meta` is a definition like any other
        config = withShortcuts m { } (removeAttrs m (aboutModule ++ [ "require" ]));
      };

  # Nix forces the arguments a function names.  They are therefore handed over as thunks made from the names alone, so
  # that an argument which comes from `config._module.args` is not looked up before the configuration exists.
  applyModuleArgs =
    key: f: args:
    let
      fromConfig =
        name:
        addErrorContext "noting that argument `${name}` is not externally provided, so querying `_module.args` instead, requiring `config`" args.config._module.args.${name};
      argument =
        name: _:
        addErrorContext ''while evaluating the module argument `${name}' in "${key}":'' (
          args.${name} or (fromConfig name)
        );
    in
    f (args // builtins.mapAttrs argument (functionArgs f));

  applyModuleArgsIfFunction =
    key: f: args:
    if isFunction f then applyModuleArgs key f args else f;
in
{
  inherit applyModuleArgs applyModuleArgsIfFunction unifyModuleSyntax;

  # Say where a module without a file of its own comes from.
  setDefaultModuleLocation = file: m: {
    _file = file;
    imports = [ m ];
  };
}
