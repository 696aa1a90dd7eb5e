# Options of the base: what every host of ours has.
{ lib, ... }:
{
  options.base = {
    enable = lib.mkEnableOption "the base of our hosts";

    operatorKeys = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "ssh-ed25519 AAAA… anna@laptop" ];
      description = "Public SSH keys that may log in as `root`, besides those the host was installed with.";
    };
  };
}
