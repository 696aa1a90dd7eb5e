# Types of paths, packages and package sets.
{ lib }:
let
  inherit (builtins)
    hasContext
    isPath
    isString
    substring
    unsafeDiscardStringContext
    ;
  inherit (lib) isDerivation isStringLike mkOptionType;
  inherit (lib.types) addCheck defaultFunctor;

  pathWith =
    {
      # true, false, or null for either
      inStore ? null,
      absolute ? null,
    }:
    let
      # A real path outside the store would be copied into it when used: `inStore = false` wants strings.
      isPathLike = x: if inStore == false then isString x else isStringLike x;
      isInStore =
        x: lib.path.hasStorePathPrefix (if isPath x then x else /. + unsafeDiscardStringContext "${x}");
      isAbsolute = x: substring 0 1 (toString x) == "/";
      words =
        (
          if absolute == null then
            [ ]
          else if absolute then
            [ "absolute" ]
          else
            [ "relative" ]
        )
        ++ [ "path" ]
        ++ (
          if inStore == null then
            [ ]
          else if inStore then
            [ "in the Nix store" ]
          else
            [ "not in the Nix store" ]
        );
    in
    if inStore == true && absolute == false then
      throw "In pathWith, inStore means the path must be absolute"
    else
      mkOptionType {
        name = "path";
        description = builtins.concatStringsSep " " words;
        descriptionClass = "noun";
        merge = lib.options.mergeEqualOption;
        check =
          x:
          isPathLike x
          && (inStore == null || inStore == isInStore x)
          && (absolute == null || absolute == isAbsolute x);
        functor = defaultFunctor "path" // {
          type = pathWith;
          payload = { inherit inStore absolute; };
          binOp = a: b: if a == b then a else null;
        };
      };

  package = mkOptionType {
    name = "package";
    descriptionClass = "noun";
    check = x: isDerivation x || lib.isStorePath x;
    # A store path written out gets a context, and so becomes a dependency of whatever uses it.
    merge =
      loc: defs:
      let
        value = lib.options.mergeOneOption loc defs;
      in
      if isPath value || isString value && !hasContext value then lib.toDerivation value else value;
  };
in
{
  inherit package pathWith;

  path = pathWith { absolute = true; };
  pathInStore = pathWith { inStore = true; };
  externalPath = pathWith {
    absolute = true;
    inStore = false;
  };

  shellPackage = package // {
    check = x: isDerivation x && x ? shellPath;
  };

  pkgs = addCheck (
    lib.types.unique { message = "A Nixpkgs pkgs set can not be merged with another pkgs set."; } lib.types.attrs
    // {
      name = "pkgs";
      descriptionClass = "noun";
      description = "Nixpkgs package set";
    }
  ) (x: x._type or null == "pkgs");
}
