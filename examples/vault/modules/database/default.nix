# Keeps data in Redis, for those who know the password.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.roles.database;

  settings = pkgs.writeText "db.conf" ''
    bind 0.0.0.0
    port ${toString cfg.port}
    dir /var/lib/db
    appendonly yes
    supervised systemd
    include /run/credentials/db.service/${config.infra.templates.db-auth.credential}
  '';
in
{
  imports = [ ./interface.nix ];

  config = lib.mkIf cfg.enable {
    systemd.services.db = {
      description = "The database";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      serviceConfig = {
        Type = "notify";
        ExecStart = "${pkgs.redis}/bin/redis-server ${settings}";
        Restart = "on-failure";
        DynamicUser = true;
        StateDirectory = "db";
      };
    };

    networking.firewall.allowedTCPPorts = [ cfg.port ];
  };
}
