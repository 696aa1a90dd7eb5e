# The Git forge.
{ config, lib, ... }:
let
  cfg = config.roles.git;
in
{
  imports = [ ./interface.nix ];

  config = lib.mkIf cfg.enable {
    services.forgejo = {
      enable = true;
      settings = {
        server.HTTP_PORT = cfg.port;
        # Accounts are made by us, not by the world.
        service.DISABLE_REGISTRATION = true;
      };
    };
    networking.firewall.allowedTCPPorts = [ cfg.port ];
  };
}
