# The Rust workspace as a source tree: what cargo reads and nothing else, so that editing a Nix file or the docs rebuilds nothing.
#
# `cli/` is taken whole, not by file ending: its sources include .nix, .toml and .json files at compile time. So do they single files of
# `nix/` and the template, which are named here. The goldens are there for the tests of the rooms that share them with Nix.
let
  root = ../..;
  wanted = [
    "Cargo.toml"
    "Cargo.lock"
    "cli"
    "checks/golden"
    "nix/eval/declared-inputs.nix"
    "nix/lib/types/patterns.json"
    "nix/docs/recipes.md"
    "templates/default"
  ];

  isBelow =
    path: folder:
    path == folder || builtins.substring 0 (builtins.stringLength folder + 1) path == "${folder}/";
  # A folder on the way to a wanted one must pass too, or the filter never gets there.
  isOnTheWay = path: folder: isBelow path folder || isBelow folder path;
in
builtins.path {
  path = root;
  name = "infra-source";
  filter =
    path: _:
    let
      relative = builtins.substring (builtins.stringLength (toString root) + 1) (-1) path;
    in
    builtins.any (isOnTheWay relative) wanted;
}
