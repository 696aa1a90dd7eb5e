# Which network card faces the world depends on the box, and is known only by looking at it.
{ config, lib, ... }:
{
  imports = [ ./interface.nix ];

  config = lib.mkIf config.roles.router.enable {
    infra.values.router-uplink = {
      type = lib.types.strMatching "[a-z][a-z0-9.]{0,14}";
      description = "The network interface that faces the world";
      example = "enp1s0";
      bind = [ "networking.nat.externalInterface" ];
    };

    infra.probes.names = {
      unit = "dnsmasq.service";
      within = "30s";
      critical = true;
    };
  };
}
