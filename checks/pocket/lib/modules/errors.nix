# The longer messages of the module system.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    filter
    length
    ;
  inherit (lib)
    addErrorContext
    init
    last
    sortOn
    take
    ;
  inherit (lib.options) showDefs showOption unknownModule;
  inherit (lib.strings) escapeNixString levenshtein levenshteinAtMost;

  # The three names nearest to what was written; in large sets only such that could be a slip of the keyboard.
  nearest =
    wrong: names:
    let
      candidates = if length names < 100 then names else filter (levenshteinAtMost 2 wrong) names;
    in
    take 3 (sortOn (levenshtein wrong) candidates);

  didYouMean =
    shown:
    if shown == [ ] then
      ""
    else if length shown == 1 then
      "\n\nDid you mean ${last shown}?"
    else
      "\n\nDid you mean ${concatStringsSep ", " (init shown)} or ${last shown}?";
in
{
  unmatchedError =
    prefix: options: def:
    let
      parent = init def.prefix;
      siblings = attrNames (lib.attrByPath parent { } options);
      names = if parent == [ ] then lib.remove "_module" siblings else siblings;
      suggestions = map (name: "`${showOption (prefix ++ parent ++ [ name ])}'") (
        nearest (last def.prefix) names
      );
      optText = showOption (prefix ++ def.prefix);
      defText =
        addErrorContext
          "while evaluating the error message for definitions for `${optText}', which is an option that does not exist"
          (addErrorContext "while evaluating a definition from `${def.file}'" (showDefs [ def ]));
      message = "The option `${optText}' does not exist. Definition values:${defText}${didYouMean suggestions}";
      where = showOption prefix;
    in
    if attrNames options != [ "_module" ] then
      throw message
    else if prefix == [ ] then
      throw ''
        ${message}

        It seems as if you're trying to declare an option by placing it into `config' rather than `options'!
      ''
    else
      throw ''
        ${message}

        However there are no options defined in `${where}'. Are you sure you've declared your options
        properly? A `types.submodule' has options only if they stand under `options', not `config'.
      '';

  notAModuleError =
    class: prefix: file: tag:
    let
      place =
        (if file == unknownModule then "" else ", while trying to load a module into ${toString file}")
        + (if prefix == [ ] then "" else ", while trying to load a module into ${showOption prefix}");
      advice =
        {
          configuration = "\n\nThis is the result of an evaluation. Import the modules it was made of instead.";
          flake = "\n\nPerhaps you forgot to select an attribute name? Instead of a whole flake, import one of its modules, for example `.modules.${
            if class == null then "someApp" else class
          }.default`.";
        }
        .${tag} or "";
    in
    throw "Expected a module, but found a value of type ${escapeNixString tag}${place}.\nA module is typically loaded by adding it to the `imports = [ ... ];` attribute of an existing module, or in the `modules = [ ... ];` argument of various functions.${advice}";
}
