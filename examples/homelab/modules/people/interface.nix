# Options of the people who use our machines.
{ lib, infra, ... }:
{
  options.people.enable = lib.mkOption {
    type = lib.types.bool;
    default = lib.elem "desktop" infra.tags;
    defaultText = lib.literalMD "on for hosts tagged `desktop`";
    description = "Whether people have accounts on this host.";
  };
}
