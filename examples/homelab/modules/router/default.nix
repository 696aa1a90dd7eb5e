# Addresses and names for the house, and one way out of it.
{ config, lib, ... }:
let
  cfg = config.roles.router;
in
{
  imports = [ ./interface.nix ];

  config = lib.mkIf cfg.enable {
    networking.nat = {
      enable = true;
      internalInterfaces = [ cfg.inside ];
    };

    services.dnsmasq = {
      enable = true;
      settings = {
        interface = cfg.inside;
        domain = "home.arpa";
        dhcp-range = [ "10.20.0.100,10.20.0.250,12h" ];
      };
    };

    networking.firewall.interfaces.${cfg.inside} = {
      allowedTCPPorts = [ 53 ];
      allowedUDPPorts = [
        53
        67
      ];
    };
  };
}
