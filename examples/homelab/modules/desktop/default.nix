# A graphical machine that finds its own network.
{ config, lib, ... }:
{
  imports = [ ./interface.nix ];

  config = lib.mkIf config.roles.desktop.enable {
    networking.networkmanager.enable = true;
    services.desktopManager.plasma6.enable = true;
    services.displayManager.sddm.enable = true;
  };
}
