# Keeps data in Redis. It answers on the host itself only: it has no password yet, and an open database is nobody's example.
{ pkgs, ... }:
let
  settings = pkgs.writeText "db.conf" ''
    bind 127.0.0.1
    port 6379
    dir /var/lib/db
    appendonly yes
    supervised systemd
  '';
in
{
  base.enable = true;

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

  system.stateVersion = "26.05";
}
