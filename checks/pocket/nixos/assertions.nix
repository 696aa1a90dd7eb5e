# `assertions` and `warnings`. What they guard is system.build.toplevel (toplevel.nix): a wrong configuration still evaluates in part.
{ lib, ... }:
{
  options = {
    assertions = lib.mkOption {
      type = lib.types.listOf lib.types.unspecified;
      internal = true;
      default = [ ];
      example = [ { assertion = false; message = "you can't enable this for that reason"; } ];
      description = "Conditions that must hold for the system to be built, each with the message shown when it does not.";
    };
    warnings = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      internal = true;
      default = [ ];
      description = "Messages shown while the system is evaluated.";
    };
  };
}
