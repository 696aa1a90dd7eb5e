# The table of text types in nix/docs/contracts.md, from patterns.json.
{ lib, infraLib }:
let
  inherit (infraLib.types) patterns;
  row = kind: "| `${kind}` | ${patterns.${kind}.expected} | `${patterns.${kind}.example}` |";
in
lib.concatStringsSep "\n" (
  [
    "| type | what it is | example |"
    "| --- | --- | --- |"
  ]
  ++ map row (builtins.filter (kind: kind != "nonEmptyString") (builtins.attrNames patterns))
)
