# The forge needs to know what it is called and how to send mail; the rest of the fleet may know where it is.
{
  config,
  lib,
  infra,
  ...
}:
{
  imports = [ ./interface.nix ];

  config = lib.mkIf config.roles.git.enable {
    infra.values.git-domain = {
      type = infra.types.fqdn;
      description = "The name people type to reach the forge";
      example = "git.example.org";
      bind = [ "services.forgejo.settings.server.DOMAIN" ];
    };

    infra.secrets.git-mail-password = {
      description = "Password of the mailbox the forge sends from";
      units = [ "forgejo.service" ];
      required = false;
      bind = [ "services.forgejo.secrets.mailer.PASSWD" ];
    };

    infra.exports.git = {
      type = infra.types.port;
      value = config.roles.git.port;
    };

    infra.probes.git = {
      http = "http://localhost:${toString config.roles.git.port}/api/healthz";
      within = "2m";
      successes = 2;
      critical = true;
    };
  };
}
