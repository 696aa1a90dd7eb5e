# What the disk of a test machine is, as `nixos-generate-config` would write it: UEFI, one disk, two partitions. For the
# host's folder of a repository that is deployed to it.
{
  boot.loader.systemd-boot.enable = true;
  boot.loader.timeout = 0;
  # A machine that nobody looks at must not wait for somebody: what cannot boot tries again from the boot default.
  boot.kernelParams = [
    "console=ttyS0"
    "panic=1"
    "boot.panic_on_fail"
  ];
  networking.usePredictableInterfaceNames = false;

  # Each module costs time in an emulated machine.
  boot.initrd.includeDefaultModules = false;
  boot.initrd.availableKernelModules = [
    "virtio_pci"
    "virtio_blk"
    "virtio_net"
    "virtio_rng"
  ];

  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-label/ESP";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };
}
