# One option may be declared in several modules.  This file makes a single declaration of them, or says why it cannot.
{ lib }:
let
  inherit (builtins)
    any
    foldl'
    head
    length
    ;
  inherit (lib.modules) setDefaultModuleLocation;
  inherit (lib.options) showFiles showOption;

  # An attribute whose value only one of the declarations may give.
  single = [
    "default"
    "example"
    "description"
    "apply"
  ];

  # Modules made by a program have no position in a file; the file is then the best there is.
  positionOf =
    decl:
    if decl.pos != null then
      decl.pos
    else
      {
        file = decl._file;
        line = null;
        column = null;
      };

  addDeclaration =
    loc: res: decl:
    let
      new = decl.options;
      clash = throw "The option `${showOption loc}' in `${decl._file}' is already declared in ${showFiles res.declarations}.";
      mergedType = res.type.typeMerge new.type.functor;
      # Modules inside the type are told apart by where they were declared.
      submodules = new.type.getSubModules or null;
      located = if submodules == null then [ ] else map (setDefaultModuleLocation decl._file) submodules;
    in
    if any (attr: new ? ${attr} && res ? ${attr}) single then
      clash
    else
      new
      // res
      // {
        declarations = res.declarations ++ [ decl._file ];
        declarationPositions = res.declarationPositions ++ [ (positionOf decl) ];
        options = located ++ res.options;
      }
      // (
        if new ? type && res ? type then
          { type = if mergedType == null then clash else mergedType; }
        else
          { }
      );
in
{
  mergeOptionDecls =
    loc:
    foldl' (addDeclaration loc) {
      inherit loc;
      declarations = [ ];
      declarationPositions = [ ];
      options = [ ];
    };

  # Give the type its collected modules back, now with locations, and every option a type.
  fixupOptionType =
    loc: opt:
    if opt.type.getSubModules or null == null then
      opt // { type = opt.type or lib.types.unspecified; }
    else
      opt
      // {
        type = opt.type.substSubModules opt.options;
        options = [ ];
      };

  declarationTypeError =
    loc: tag: file:
    let
      name = lib.strings.escapeNixIdentifier (lib.last loc);
      hint =
        if tag != "option-type" then
          ""
        else
          ''


            A type alone declares nothing; wrap it in `mkOption`:
              ${name} = lib.mkOption {
                description = ...;
                type = <the type you wrote for ${name}>;
              };'';
    in
    throw "In module ${file}: expected an option declaration at option path `${showOption loc}` but got an attribute set with type ${tag}${hint}";

  nestedOptionsError =
    loc: optionDecls: others:
    let
      first = head optionDecls;
      prefixes = lib.concatMap (
        decl:
        map (
          name: " - option(s) with prefix `${showOption (loc ++ [ name ])}' in module `${decl._file}'"
        ) (builtins.attrNames decl.options)
      ) others;
    in
    throw "The option `${showOption loc}' in module `${first._file}' would be a parent of the following options, but its type `${
      first.options.type.description or "<no description>"
    }' does not support nested options.\n${
      builtins.concatStringsSep "\n" (builtins.sort (a: b: a < b) prefixes)
    }";
}
