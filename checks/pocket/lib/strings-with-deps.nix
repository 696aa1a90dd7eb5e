# Pieces of text that name what must stand before them, such as activation scripts.
{ lib }:
let
  inherit (lib) concatStringsSep;

  # Depth first: what a piece needs comes right before it, and everything only once.
  textClosureList =
    pieces: names:
    let
      add =
        state: name:
        if state.done ? ${name} then
          state
        else
          let
            piece = pieces.${name};
            seen = state // {
              done = state.done // {
                ${name} = true;
              };
            };
            before = lib.foldl' add seen piece.deps;
          in
          before // { texts = before.texts ++ [ piece.text ]; };
    in
    (lib.foldl' add {
      done = { };
      texts = [ ];
    } names).texts;
in
{
  inherit textClosureList;
  textClosureMap =
    f: pieces: names:
    concatStringsSep "\n" (map f (textClosureList pieces names));
  noDepEntry = text: {
    inherit text;
    deps = [ ];
  };
  fullDepEntry = text: deps: { inherit text deps; };
  packEntry = deps: {
    inherit deps;
    text = "";
  };
  stringAfter = deps: text: { inherit text deps; };
}
