# Options of machines that people sit at.
{ lib, infra, ... }:
{
  options.roles.desktop.enable = lib.mkOption {
    type = lib.types.bool;
    default = lib.elem "desktop" infra.tags;
    defaultText = lib.literalMD "on for hosts tagged `desktop`";
    description = "Whether somebody sits at this machine.";
  };
}
