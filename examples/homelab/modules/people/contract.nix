# Each person has one password, the same on every machine, set before anybody can log in.
{ config, lib, ... }:
{
  imports = [ ./interface.nix ];

  config = lib.mkIf config.people.enable {
    infra.secrets.anna-password = {
      description = "Anna's password";
      scope = "shared";
      phase = "users";
      format = "password-hash";
      recipe = "password-hash";
      bind = [ "users.users.anna.hashedPasswordFile" ];
    };
  };
}
