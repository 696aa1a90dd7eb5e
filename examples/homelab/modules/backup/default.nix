# A backup server that can only be added to: a host that is taken over cannot take its backups with it.
{ config, lib, ... }:
let
  cfg = config.roles.backup;
in
{
  imports = [ ./interface.nix ];

  config = lib.mkIf cfg.enable {
    services.restic.server = {
      enable = true;
      appendOnly = true;
      dataDir = "/srv/backup";
      listenAddress = toString cfg.port;
    };
    networking.firewall.allowedTCPPorts = [ cfg.port ];
  };
}
