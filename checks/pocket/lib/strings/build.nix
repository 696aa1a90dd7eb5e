# Putting strings together, and the command line flags and search paths made of them.
{ lib }:
let
  inherit (builtins)
    concatMap
    concatStringsSep
    filter
    length
    replaceStrings
    stringLength
    tail
    ;
  inherit (lib) attrValues imap1;

  concatStrings = concatStringsSep "";
  concatMapStringsSep =
    sep: f: list:
    concatStringsSep sep (map f list);
  optionalString = cond: s: if cond then s else "";

  makeSearchPath =
    dir: paths: concatMapStringsSep ":" (path: "${path}/${dir}") (filter (path: path != null) paths);
  makeSearchPathOutput =
    output: dir: pkgs:
    makeSearchPath dir (map (lib.getOutput output) pkgs);

  fixedWidthString =
    width: filler: s:
    let
      missing = width - stringLength s;
      copies = if missing == 0 then 0 else missing / stringLength filler;
    in
    assert lib.assertMsg (
      missing >= 0
    ) "fixedWidthString: requested string length (${toString width}) must not be shorter than actual length (${toString (stringLength s)})";
    concatStrings (builtins.genList (_: filler) copies) + s;

  feature =
    on: off: flag: name:
    assert builtins.isString name;
    "--${if flag then on else off}-${name}";
  featureAs =
    make: flag: name: value:
    make flag name + optionalString flag "=${value}";
  enableFeature = feature "enable" "disable";
  withFeature = feature "with" "without";
in
{
  inherit (builtins) concatStringsSep replaceStrings stringLength substring;
  inherit
    concatMapStringsSep
    concatStrings
    enableFeature
    fixedWidthString
    makeSearchPath
    makeSearchPathOutput
    optionalString
    withFeature
    ;

  join = concatStringsSep;
  concatMapStrings = f: list: concatStrings (map f list);
  concatImapStrings = f: list: concatStrings (imap1 f list);
  concatImapStringsSep =
    sep: f: list:
    concatStringsSep sep (imap1 f list);
  concatMapAttrsStringSep =
    sep: f: set:
    concatStringsSep sep (attrValues (builtins.mapAttrs f set));
  concatLines = lines: concatStrings (map (line: line + "\n") lines);
  intersperse =
    sep: list:
    if length list < 2 then
      list
    else
      tail (
        concatMap (x: [
          sep
          x
        ]) list
      );
  replicate = n: s: concatStrings (lib.lists.replicate n s);
  replaceString = from: to: replaceStrings [ from ] [ to ];

  fixedWidthNumber = width: n: fixedWidthString width "0" (toString n);

  makeLibraryPath = makeSearchPathOutput "lib" "lib";
  makeIncludePath = makeSearchPathOutput "dev" "include";
  makeBinPath = makeSearchPathOutput "bin" "bin";

  enableFeatureAs = featureAs enableFeature;
  withFeatureAs = featureAs withFeature;

  # Give a string the context of another one.
  addContextFrom = src: s: builtins.substring 0 0 src + s;
}
