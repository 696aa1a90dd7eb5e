# What `nixos-generate-config` would write for a small virtual machine: one disk, booted by its BIOS.
{
  boot.loader.grub.device = "/dev/vda";

  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
}
