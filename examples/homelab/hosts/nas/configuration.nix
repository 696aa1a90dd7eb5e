{ inputs, ... }:
{
  imports = [ inputs.microvm.nixosModules.host ];

  base.enable = true;

  # The guest is a host of its own and is deployed like one; all its parent knows of it is that it should run.
  microvm.autostart = [ "git" ];

  services.nfs.server = {
    enable = true;
    exports = "/srv/files 10.20.0.0/24(rw,no_subtree_check)";
  };
  networking.firewall.allowedTCPPorts = [ 2049 ];

  boot.loader.systemd-boot.enable = true;
  boot.loader.efi.canTouchEfiVariables = true;

  system.stateVersion = "26.05";
}
