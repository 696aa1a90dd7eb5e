# The table of host.toml's keys in nix/docs/repository.md, from the same data the validation reads.
{ lib, infraLib }:
let
  default =
    key:
    if key.required or false then
      "required"
    else if key.default == null then
      "—"
    else
      "`${builtins.toJSON key.default}`";

  row = key: "| `${key.name}` | ${key.shape.expected} | ${default key} | ${key.meaning} |";
in
lib.concatStringsSep "\n" (
  [
    "| key | value | default | meaning |"
    "| --- | --- | --- | --- |"
  ]
  ++ map row infraLib.hostKeys.keys
)
