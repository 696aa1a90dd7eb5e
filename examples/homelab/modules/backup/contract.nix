# Who may write backups, and where others find the server.
{
  config,
  lib,
  infra,
  ...
}:
{
  imports = [ ./interface.nix ];

  config = lib.mkIf config.roles.backup.enable {
    infra.secrets.backup-users = {
      description = "htpasswd file of the hosts that may write backups";
      units = [ "restic-rest-server.service" ];
      bind = [ "services.restic.server.htpasswd-file" ];
    };

    infra.exports.backup = {
      type = infra.types.port;
      value = config.roles.backup.port;
    };

    infra.probes.backup = {
      port = config.roles.backup.port;
      within = "1m";
    };
  };
}
