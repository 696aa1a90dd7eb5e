# Options of the database, for both planes.
{ lib, infra, ... }:
{
  options.roles.database = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = lib.elem "database" infra.tags;
      defaultText = lib.literalMD "on for hosts tagged `database`";
      description = "Whether this host keeps the data of the others.";
    };

    port = lib.mkOption {
      type = infra.types.port;
      default = 6379;
      description = "The port the database listens on.";
    };
  };
}
