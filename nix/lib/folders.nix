# Folders of the repository. A folder is a registration, unless its name says "not yet" by starting with `.` or `_`.
{ lib }:
let
  isVisible = name: !lib.hasPrefix "." name && !lib.hasPrefix "_" name;
in
{
  inherit isVisible;

  # Names of the visible folders directly below `path`, sorted; none if there is no such path.
  below =
    path:
    let
      entries = if builtins.pathExists path then builtins.readDir path else { };
    in
    builtins.filter (name: isVisible name && entries.${name} == "directory") (
      builtins.attrNames entries
    );
}
