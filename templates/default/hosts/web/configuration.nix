{
  services.openssh.enable = true;
  # Who may deploy. Without a key here, only those the host already has get in.
  users.users.root.openssh.authorizedKeys.keys = [ ];

  # Replace by what `nixos-generate-config --show-hardware-config` prints on the host.
  boot.loader.grub.device = "/dev/vda";
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };

  # The release the host was installed with. Never changed by an upgrade.
  system.stateVersion = "26.05";
}
