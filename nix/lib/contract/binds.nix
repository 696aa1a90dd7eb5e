# Option paths as text: services.nginx.virtualHosts."example.org".root
{ lib }:
let
  segment = "[A-Za-z_][A-Za-z0-9_'-]*|\"[^\"]+\"";
in
{
  # The names of the path, or null if the text is none.
  parse =
    text:
    if builtins.match "(${segment})([.](${segment}))*" text == null then
      null
    else
      map (part: lib.removeSuffix "\"" (lib.removePrefix "\"" (builtins.head part))) (
        builtins.filter builtins.isList (builtins.split "(${segment})" text)
      );
}
