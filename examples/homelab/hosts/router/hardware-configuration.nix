# A small box with a soldered disk, installed by hand; this is what `nixos-generate-config` said.
{
  boot.loader.grub.device = "/dev/mmcblk0";
  boot.initrd.availableKernelModules = [
    "mmc_block"
    "sdhci_pci"
  ];

  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
}
