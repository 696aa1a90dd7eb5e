# The database asks whoever comes for one password, and tells the fleet where it is.
{
  config,
  lib,
  infra,
  ...
}:
{
  imports = [ ./interface.nix ];

  config = lib.mkIf config.roles.database.enable {
    # The same in the contract of whoever uses the database: what two hosts share, both declare.
    infra.secrets.db-password = {
      description = "Password of the database";
      scope = "shared";
      recipe = "hex";
    };

    # Redis reads its password from a file of its own language, which is made on the host.
    infra.templates.db-auth = {
      source = "requirepass ${config.infra.secrets.db-password.placeholder}\n";
      units = [ "db.service" ];
    };

    infra.exports.database = {
      type = infra.types.submodule {
        options = {
          address = lib.mkOption { type = infra.types.str; };
          port = lib.mkOption { type = infra.types.port; };
        };
      };
      value = {
        address = lib.head infra.addresses;
        inherit (config.roles.database) port;
      };
    };

    infra.probes.db = {
      inherit (config.roles.database) port;
    };
  };
}
