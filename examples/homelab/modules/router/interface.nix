# Options of the router.
{ lib, infra, ... }:
{
  options.roles.router = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = lib.elem "router" infra.tags;
      defaultText = lib.literalMD "on for hosts tagged `router`";
      description = "Whether this host connects the house to the world.";
    };

    inside = lib.mkOption {
      type = lib.types.str;
      default = "lan";
      description = "The network interface that faces the house.";
    };
  };
}
