# Option names, files and definitions as text for messages.
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    filter
    isList
    length
    match
    split
    tryEval
    ;
  inherit (lib) concatMapStrings concatMapStringsSep take;

  # Placeholders such as <name> and * stand for any name and are no names themselves.
  showPart =
    part: if part == "*" || match "<(.*)>" part != null then part else lib.strings.escapeNixIdentifier part;

  showOption = concatMapStringsSep "." showPart;

  shownLines = 5;

  # A value that fails to evaluate is left out: the message is about something else.
  showValue =
    value:
    let
      pretty = tryEval (
        lib.generators.toPretty { } (
          lib.generators.withRecursion {
            depthLimit = 10;
            throwOnDepthLimit = false;
          } value
        )
      );
      lines = filter (line: !isList line) (split "\n" pretty.value);
      cut = take shownLines lines ++ lib.optional (length lines > shownLines) "...";
    in
    if !pretty.success then
      ""
    else if length lines == 1 then
      ": ${pretty.value}"
    else
      ":\n    ${concatStringsSep "\n    " cut}";
in
{
  inherit showOption;
  unknownModule = "<unknown-file>";
  showFiles = concatMapStringsSep " and " (file: "`${file}'");
  showDefs = concatMapStrings (def: "\n- In `${def.file}'${showValue def.value}");
  showOptionWithDefLocs = opt: ''
    ${showOption opt.loc}, with values defined in:
    ${concatMapStringsSep "\n" (file: "  - ${file}") opt.files}
  '';
}
