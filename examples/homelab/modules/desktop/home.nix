# What everybody's home has on a desktop, whoever they are.
{ lib, infra, ... }:
{
  config = lib.mkIf (lib.elem "desktop" infra.tags) {
    programs.firefox.enable = true;
  };
}
