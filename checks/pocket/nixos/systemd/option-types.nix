# nixpkgs' type of one directive: a list anywhere makes the result a list; otherwise all definitions must agree.
{ lib }:
let
  inherit (lib) isList mkOptionType types;
in
rec {
  directive = mkOptionType {
    name = "systemd option";
    description = "systemd option";
    merge = loc: defs:
      let
        kept = lib.filterOverrides defs;
      in
      if lib.any (def: isList def.value) kept then lib.concatMap (def: lib.toList def.value) kept else lib.mergeEqualOption loc kept;
  };

  # `[Section]` as attributes.
  section = types.attrsOf directive;

  unitName = types.strMatching "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|device|mount|automount|swap|target|path|timer|scope|slice)" // {
    description = "name of a systemd unit, with its suffix";
  };
}
