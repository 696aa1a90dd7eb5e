# Options of the backup server.
{ lib, infra, ... }:
{
  options.roles.backup = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = lib.elem "backup" infra.tags;
      defaultText = lib.literalMD "on for hosts tagged `backup`";
      description = "Whether this host keeps the backups of the others.";
    };

    port = lib.mkOption {
      type = lib.types.port;
      default = 8000;
      description = "The port the backup server listens on.";
    };
  };
}
