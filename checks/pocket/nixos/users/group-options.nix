# Options of one group.
{ lib }:
{ name, ... }:
let
  inherit (lib) mkOption types;
in
{
  options = {
    name = mkOption { type = types.str; default = name; defaultText = lib.literalMD "the attribute name"; description = "The name."; };
    gid = mkOption { type = types.nullOr types.int; default = null; description = "The group id; chosen on the machine when null, and kept."; };
    members = mkOption { type = types.listOf types.str; default = [ ]; description = "Accounts in this group, besides those with it in `extraGroups`."; };
    yield = mkOption { type = types.bool; default = false; internal = true; description = "Pocket's own: a group every machine has. If it exists, only members are added."; };
  };
}
