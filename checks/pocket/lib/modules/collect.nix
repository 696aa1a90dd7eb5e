# Which modules take part: follow `imports`, check classes, drop what `disabledModules` names, keep one per key.
{ lib }:
let
  inherit (builtins)
    catAttrs
    concatLists
    concatMap
    elem
    filter
    genericClosure
    import
    isAttrs
    isList
    isString
    substring
    typeOf
    ;
  inherit (lib) imap1 isFunction;
  inherit (lib.modules) applyModuleArgs applyModuleArgsIfFunction unifyModuleSyntax;
  inherit (lib.options) showDefs unknownModule;
  inherit (lib.strings) escapeNixString isConvertibleWithToString;

  load =
    class: args: file: key: m:
    if isFunction m then
      unifyModuleSyntax file key (applyModuleArgs key m args)
    else if isAttrs m then
      let
        tag = m._type or "module";
      in
      if tag == "module" then
        unifyModuleSyntax file key m
      else if tag == "if" || tag == "override" then
        unifyModuleSyntax file key { config = m; }
      else
        lib.modules.notAModuleError class args._prefix file tag
    else if isList m then
      throw "Module imports can't be nested lists. Perhaps you meant to remove one level of lists? Definitions: ${
        showDefs [
          {
            inherit file;
            value = m;
          }
        ]
      }"
    else
      unifyModuleSyntax (toString m) (toString m) (applyModuleArgsIfFunction (toString m) (import m) args);

  checkClass =
    class: m:
    if class == null || m._class == null || m._class == class then
      m
    else
      throw ''
        The module `${m._file}` (class: ${escapeNixString m._class}) cannot be imported into a module evaluation that expects class ${escapeNixString class}.

        A module's `_class` names the kind of configuration it was written for. Import a module written
        for ${escapeNixString class} instead, or correct `_class` if it is wrong.
      '';

  # { disabled = [ { file, disabled } ]; modules = [ { key, module, modules } ]; }, the whole tree of imports
  collectTree =
    class: args: parentFile: parentKey: imports:
    let
      node =
        n: m:
        let
          module = checkClass class (load class args parentFile "${parentKey}:anon-${toString n}" m);
          children = collectTree class args module._file module.key module.imports;
          own = {
            file = module._file;
            disabled = module.disabledModules;
          };
        in
        {
          inherit module;
          inherit (module) key;
          inherit (children) modules;
          disabled = (if module.disabledModules == [ ] then [ ] else [ own ]) ++ children.disabled;
        };
      modules = imap1 node imports;
    in
    {
      inherit modules;
      disabled = concatLists (catAttrs "disabled" modules);
    };

  # The key of the module that an item of `disabledModules` means.
  disabledKey =
    modulesPath: file: item:
    if isString item then
      (if substring 0 1 item == "/" then item else "${toString modulesPath}/${item}")
    else if isConvertibleWithToString item then
      if item ? key && item.key != toString item then
        throw "Module `${file}` contains a disabledModules item that is an attribute set that can be converted to a string (${toString item}) but also has a `.key` attribute (${item.key}) with a different value. This makes it ambiguous which module should be disabled."
      else
        toString item
    else if item ? key then
      item.key
    else if isAttrs item then
      throw "Module `${file}` contains a disabledModules item that is an attribute set, presumably a module, that does not have a `key` attribute. Name the module to disable by its path, by a string relative to modulesPath, or by a set with the same `key`."
    else
      throw "Each disabledModules item must be a path, string, or a attribute set with a key attribute, or a value supported by toString. However, one of the disabledModules items in `${toString file}` is none of that, but is of type ${typeOf item}.";

  isDisabled =
    modulesPath: disabled:
    let
      keys = concatMap (entry: map (disabledKey modulesPath entry.file) entry.disabled) disabled;
    in
    node: elem node.key keys;
in
{
  collectModules =
    class: modulesPath: modules: args:
    let
      tree = collectTree class args unknownModule "" modules;
      disabled = isDisabled modulesPath tree.disabled;
      enabled = filter (node: !disabled node);
      toGraph = node: {
        inherit (node) key;
        disabled = disabled node;
        file = node.module._file;
        imports = map toGraph node.modules;
      };
    in
    {
      modules = map (node: node.module) (genericClosure {
        startSet = enabled tree.modules;
        operator = node: enabled node.modules;
      });
      graph = map toGraph (filter (node: node.key != lib.modules.internalKey) tree.modules);
    };
}
