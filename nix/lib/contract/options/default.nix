# The options of a contract: one module, used in both planes. What differs between the planes is only who evaluates it.
#
# `infra.filled` is what the needs were filled with (filled.nix). Without it every need is open, which is what a module that is
# evaluated alone sees.
{
  lib,
  problem,
  types,
  positions,
}:
{ config, options, ... }:
let
  inherit (config.infra) filled;

  scope = {
    inherit lib types filled;
    words = import ./words.nix { inherit lib types; };
    unfilled = import ./unfilled.nix {
      inherit lib problem;
      inherit (filled) host;
      where = positions.text (positions.of { inherit options; inherit (filled) root; });
    };
  };

  kind = file: import file scope;
in
{
  _file = "nix/lib/contract/options of infra";

  options.infra = {
    secrets = kind ./secrets.nix;
    values = kind ./values.nix;
    recipes = kind ./recipes.nix;
    exports = kind ./exports.nix;
    wants = kind ./wants.nix;
    probes = kind ./probes.nix;
    templates = kind ./templates.nix;

    filled = lib.mkOption {
      type = lib.types.raw;
      internal = true;
      default = {
        host = "";
        root = "";
        values = { };
        wants = { };
        secrets = [ ];
      };
      description = "What the needs are filled with. Set by infra.";
    };
  };
}
