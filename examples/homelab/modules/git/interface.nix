# Options of the Git forge.
{ lib, infra, ... }:
{
  options.roles.git = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = lib.elem "git" infra.tags;
      defaultText = lib.literalMD "on for hosts tagged `git`";
      description = "Whether this host runs the Git forge.";
    };

    port = lib.mkOption {
      type = lib.types.port;
      default = 3000;
      description = "The port its web pages are on.";
    };
  };
}
