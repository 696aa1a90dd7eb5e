# Source trees for the store, filtered.
{ lib }:
let
  inherit (builtins) any elem match;
  inherit (lib) hasPrefix hasSuffix;

  versionControl = [
    ".svn"
    "CVS"
    ".hg"
    ".jj"
    ".pijul"
    "_darcs"
  ];

  cleanSourceFilter =
    path: type:
    let
      name = baseNameOf path;
      vcs = name == ".git" || (type == "directory" && elem name versionControl);
      editor = hasSuffix "~" name || match "^(\\..*)?\\.sw[a-z]$" name != null;
      built = hasSuffix ".o" name || hasSuffix ".so" name || (type == "symlink" && hasPrefix "result" name);
    in
    !(vcs || editor || built || type == "unknown");

  # A plain path, or the result of a former filtering, as its parts.
  partsOf =
    src:
    if src ? _isLibCleanSourceWith then
      {
        inherit (src) origSrc filter name;
      }
    else
      {
        origSrc = src;
        filter = _path: _type: true;
        name = "source";
      };

  cleanSourceWith =
    {
      src,
      filter ? (_path: _type: true),
      name ? null,
    }:
    let
      inner = partsOf src;
      both = path: type: filter path type && inner.filter path type;
      name' = if name == null then inner.name else name;
    in
    {
      _isLibCleanSourceWith = true;
      inherit (inner) origSrc;
      filter = both;
      name = name';
      outPath = builtins.path {
        path = inner.origSrc;
        name = name';
        filter = both;
      };
    };
in
{
  inherit cleanSourceFilter cleanSourceWith;
  inherit (builtins) filterSource;

  cleanSource =
    src:
    cleanSourceWith {
      inherit src;
      filter = cleanSourceFilter;
    };

  sourceByRegex =
    src: regexes:
    let
      root = toString (partsOf src).origSrc;
    in
    cleanSourceWith {
      inherit src;
      filter =
        path: _type:
        any (regex: match regex (lib.removePrefix (root + "/") (toString path)) != null) regexes;
    };

  sourceFilesBySuffices =
    src: suffixes:
    cleanSourceWith {
      inherit src;
      filter = path: type: type == "directory" || any (suffix: hasSuffix suffix (baseNameOf path)) suffixes;
    };

  pathHasContext = builtins.hasContext;
  canCleanSource = src: src ? _isLibCleanSourceWith || !(builtins.hasContext (toString src));
}
