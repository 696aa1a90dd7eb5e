# The cases as one set, and the two ways to look at them: all values at once, or one case alone.
#
# A case is { expr; expected; } or { expr; error = [ ... ]; }: the evaluation fails and its message contains each of the
# texts.  With `says = [ ... ]` a case with a value must also print these (warnings, traces).  White space does not count.
{
  lib, # path of the library under test
  results ? null, # folder with what the runner saw of the cases that it evaluated alone
}:
let
  pkgsLib = import (/. + lib);
  kit = import ./kit.nix { lib = pkgsLib; };
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    deepSeq
    filter
    length
    readDir
    readFile
    replaceStrings
    tryEval
    ;

  # file/name -> case; a name is also a file's name, so only plain characters
  files = filter (name: builtins.match ".*\\.nix" name != null) (attrNames (readDir ./cases));
  cases = builtins.listToAttrs (
    concatMap (
      file:
      let
        set = import (./cases + "/${file}") kit;
        topic = builtins.head (builtins.match "(.*)\\.nix" file);
      in
      map (
        name:
        if builtins.match "[a-z0-9-]+" name == null then
          throw "cases/${file}: the case ${name} must be named with a-z, 0-9 and -"
        else if !(set.${name} ? expr && (set.${name} ? expected || set.${name} ? error)) then
          throw "cases/${file}: the case ${name} needs `expr`, and `expected` or `error`"
        else
          {
            name = "${topic}.${name}";
            value = set.${name};
          }
      ) (attrNames set)
    ) files
  );

  isAlone = case: case ? error || case ? says;
  names = attrNames cases;
  aloneNames = filter (name: isAlone cases.${name}) names;
  valueNames = filter (name: !isAlone cases.${name}) names;

  show = builtins.toJSON;
  strings = filter builtins.isString;
  squeeze =
    text: concatStringsSep " " (filter (w: w != "") (strings (builtins.split "[ \n\t\r]+" text)));
  # Nix quotes source lines ("  12|   expr = ..."): a text in the case itself must not count as printed.
  withoutSource =
    text:
    concatStringsSep "\n" (
      filter (line: builtins.match " *[0-9]*\\|.*" line == null) (strings (builtins.split "\n" text))
    );
  contains = text: part: replaceStrings [ (squeeze part) ] [ "" ] text != text;

  differs = case: "    expected ${show case.expected}\n    actual   ${show case.expr}";

  # null, or what is wrong
  judgeValue =
    case:
    let
      r = tryEval (deepSeq case.expr (case.expr == case.expected));
    in
    if !r.success then
      "    expected ${show case.expected}\n    actual   the evaluation fails"
    else if r.value then
      null
    else
      differs case;

  judgeAlone =
    name: case:
    let
      succeeded = readFile (results + "/${name}.rc") == "0\n";
      output = readFile (results + "/${name}.err");
      text = squeeze (withoutSource output);
      missing = filter (part: !contains text part) (case.error or [ ] ++ case.says or [ ]);
      absent = concatStringsSep "" (map (part: "    missing  ${part}\n") missing);
    in
    if case ? error && succeeded then
      "    expected an error\n    actual   ${readFile (results + "/${name}.out")}"
    else if !(case ? error) && !succeeded then
      "    expected ${show case.expected}\n    actual   ${output}"
    else if missing != [ ] then
      "${absent}    actual   ${output}"
    else if case ? expected && builtins.fromJSON (readFile (results + "/${name}.out")) != case.expected then
      differs case
    else
      null;

  failures =
    judge: list:
    filter (f: f.why != null) (
      map (name: {
        inherit name;
        why = judge name cases.${name};
      }) list
    );
  report =
    found: total:
    let
      bad = length found;
    in
    concatStringsSep "" (map (f: "FAILED ${f.name}\n${f.why}\n") found)
    + "${toString (total - bad)} ${toString bad}";
in
{
  # for the runner: what to evaluate alone, and each case's value
  alone = concatStringsSep "\n" aloneNames;
  values = concatStringsSep "\n" valueNames;
  run = builtins.mapAttrs (_: case: case.expr) cases;

  # reports end with a line "PASSED FAILED"
  valueReport = report (failures (_: judgeValue) valueNames) (length valueNames);
  aloneReport = report (failures judgeAlone aloneNames) (length aloneNames);
}
