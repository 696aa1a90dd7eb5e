# Options of the page, for both planes.
{ lib, infra, ... }:
{
  options.roles.page.enable = lib.mkOption {
    type = lib.types.bool;
    default = lib.elem "page" infra.tags;
    defaultText = lib.literalMD "on for hosts tagged `page`";
    description = "Whether this host serves the page.";
  };
}
