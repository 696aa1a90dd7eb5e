# The accounts of the people in the house. Their homes are deployed on their own: homes/<user>.
{ config, lib, ... }:
{
  imports = [ ./interface.nix ];

  config = lib.mkIf config.people.enable {
    users.users.anna = {
      isNormalUser = true;
      description = "Anna";
      extraGroups = [
        "networkmanager"
        "wheel"
      ];
    };
  };
}
