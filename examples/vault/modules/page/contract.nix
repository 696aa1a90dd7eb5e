# The page has a title, asks its readers for a token, and counts them in the database.
{
  config,
  lib,
  infra,
  ...
}:
{
  imports = [ ./interface.nix ];

  config = lib.mkIf config.roles.page.enable {
    infra.values.page-title = {
      type = infra.types.nonEmptyStr;
      description = "What the page is called";
      default = "Vault";
    };

    infra.secrets.page-token = {
      description = "Password of the user `reader`";
      recipe = "hex";
      rotate = {
        every = "90d";
        grace = "1h";
      };
    };
    infra.templates.page-auth = {
      source = "/:reader:${config.infra.secrets.page-token.placeholder}\n";
      units = [ "page.service" ];
    };

    infra.wants.database.from.tag = "database";
    infra.secrets.db-password = {
      description = "Password of the database";
      scope = "shared";
      recipe = "hex";
      units = [ "page.service" ];
    };

    infra.probes.page.port = 80;
  };
}
