# Path values and subpaths (relative strings without "..") with checked arguments.
{ lib }:
let
  inherit (builtins)
    filter
    isPath
    isString
    length
    match
    split
    substring
    typeOf
    ;
  inherit (lib)
    assertMsg
    concatMap
    drop
    take
    ;

  # Why a string is no subpath; null if it is one.
  subpathProblem =
    s:
    if !isString s then
      "The given value is of type ${typeOf s}, but a string was expected"
    else if s == "" then
      "The given string is empty"
    else if substring 0 1 s == "/" then
      "The given string \"${s}\" starts with a `/`, representing an absolute path"
    else if match "(.*/)?\\.\\.(/.*)?" s != null then
      "The given string \"${s}\" contains a `..` component, which is not allowed in subpaths"
    else
      null;
  isSubpath = s: subpathProblem s == null;

  splitSubpath = s: filter (part: isString part && part != "" && part != ".") (split "/" s);
  joinSubpath = parts: "./" + (if parts == [ ] then "." else lib.concatStringsSep "/" parts);

  # [ "nix" "store" ] of /nix/store; a path whose parent is itself is the root
  partsOf =
    path:
    let
      parent = dirOf path;
    in
    if parent == path then [ ] else partsOf parent ++ [ (baseNameOf path) ];

  needPath =
    name: which: x:
    assertMsg (
      isPath x
    ) "lib.path.${name}: ${which} is of type ${typeOf x}, but a path was expected";
  needSubpath =
    name: which: s:
    assertMsg (isSubpath s) "lib.path.${name}: ${which} is not a valid subpath string:\n    ${subpathProblem s}";

  isPrefix =
    prefix: path:
    let
      parts = partsOf prefix;
    in
    take (length parts) (partsOf path) == parts;

  storeParts = splitSubpath builtins.storeDir;
in
{
  append =
    path: subpath:
    assert needPath "append" "The first argument" path;
    assert needSubpath "append" "Second argument" subpath;
    path + ("/" + subpath);

  hasPrefix =
    prefix:
    assert needPath "hasPrefix" "First argument" prefix;
    path:
    assert needPath "hasPrefix" "Second argument" path;
    isPrefix prefix path;

  removePrefix =
    prefix:
    assert needPath "removePrefix" "First argument" prefix;
    path:
    assert needPath "removePrefix" "Second argument" path;
    if isPrefix prefix path then
      joinSubpath (drop (length (partsOf prefix)) (partsOf path))
    else
      throw "lib.path.removePrefix: The first path argument \"${toString prefix}\" is not a component-wise prefix of the second path argument \"${toString path}\".";

  splitRoot =
    path:
    assert needPath "splitRoot" "Argument" path;
    {
      root = /.;
      subpath = joinSubpath (partsOf path);
    };

  hasStorePathPrefix =
    path:
    assert needPath "hasStorePathPrefix" "Argument" path;
    let
      parts = partsOf path;
      inStore = drop (length storeParts) parts;
    in
    (
      take (length storeParts) parts == storeParts
      && inStore != [ ]
      && match ".{32}-.+" (lib.head inStore) != null
    )
    # a path that is not known before it is built has a placeholder without the store's folder
    || (parts != [ ] && match "[0-9a-z]{52}" (lib.head parts) != null);

  subpath = {
    isValid = isSubpath;
    join =
      subpaths:
      joinSubpath (
        concatMap splitSubpath (
          lib.imap0 (
            n: s:
            assert needSubpath "subpath.join" "Element at index ${toString n}" s;
            s
          ) subpaths
        )
      );
    components =
      s:
      assert needSubpath "subpath.components" "Argument" s;
      splitSubpath s;
    normalise =
      s:
      assert needSubpath "subpath.normalise" "Argument" s;
      joinSubpath (splitSubpath s);
  };
}
