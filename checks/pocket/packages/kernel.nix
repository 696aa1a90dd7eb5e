# Debian's cloud kernel: the image, and those modules a virtual server can use. Modules that kept ones depend on stay too.
{ lib, bootstrap, index }:
let
  modDirVersion = lib.removePrefix "linux-image-" index.kernel;

  # Folders and files below lib/modules/*/kernel. What is not here (sound, infiniband, big file systems, other vendors'
  # network cards ...) would be three quarters of the package and is of no use to a test machine.
  wanted = [
    "arch/x86/crypto"
    "block"
    "crypto"
    "drivers/acpi"
    "drivers/ata"
    "drivers/block/loop.ko"
    "drivers/block/nbd.ko"
    "drivers/block/virtio_blk.ko"
    "drivers/block/zram"
    "drivers/cdrom"
    "drivers/char"
    "drivers/dax"
    "drivers/firmware"
    "drivers/input"
    "drivers/md/dm-mod.ko"
    "drivers/md/dm-crypt.ko"
    "drivers/md/dm-snapshot.ko"
    "drivers/net/bonding"
    "drivers/net/dummy.ko"
    "drivers/net/ethernet/intel/e1000"
    "drivers/net/ifb.ko"
    "drivers/net/ipvlan"
    "drivers/net/macvlan.ko"
    "drivers/net/macvtap.ko"
    "drivers/net/net_failover.ko"
    "drivers/net/tap.ko"
    "drivers/net/tun.ko"
    "drivers/net/veth.ko"
    "drivers/net/virtio_net.ko"
    "drivers/net/vxlan"
    "drivers/net/wireguard"
    "drivers/nvme/host"
    "drivers/rtc"
    "drivers/scsi/scsi_mod.ko"
    "drivers/scsi/sd_mod.ko"
    "drivers/scsi/sg.ko"
    "drivers/scsi/sr_mod.ko"
    "drivers/scsi/virtio_scsi.ko"
    "drivers/vhost"
    "drivers/virtio"
    "drivers/watchdog"
    "fs/9p"
    "fs/autofs"
    "fs/configfs"
    "fs/efivarfs"
    "fs/erofs"
    "fs/ext4"
    "fs/fat"
    "fs/fuse"
    "fs/isofs"
    "fs/jbd2"
    "fs/mbcache.ko"
    "fs/nls"
    "fs/overlayfs"
    "fs/squashfs"
    "lib"
    "net/8021q"
    "net/9p"
    "net/bridge"
    "net/core"
    "net/ipv4"
    "net/ipv6"
    "net/llc"
    "net/netfilter/nf_*.ko"
    "net/netfilter/nfnetlink*.ko"
    "net/netfilter/nft_*.ko"
    "net/packet"
    "net/sched/sch_*.ko"
    "net/unix"
    "net/vmw_vsock"
    "net/xfrm"
  ];

  drv = bootstrap.run "linux-${modDirVersion}" {
    deb = bootstrap.deb index.kernel;
    inherit wanted modDirVersion;
  } ''
    ar p "$deb" data.tar.xz | xzcat | tar x
    mkdir -p "$out/lib/modules/$modDirVersion/kernel"
    cp boot/vmlinuz-* "$out/bzImage"
    cp boot/config-* "$out/config"
    root=.; [ -d lib/modules ] || root=usr
    all=$root/lib/modules/$modDirVersion
    kept=$out/lib/modules/$modDirVersion
    cp "$all"/modules.builtin "$all"/modules.builtin.modinfo "$all"/modules.order "$kept/"
    # Debian 13 compresses its modules; busybox, which loads them in the initrd, reads only plain ones.
    find "$all" -name '*.ko.xz' | xargs -r unxz
    sed -i 's/\.ko\.xz$/.ko/' "$kept/modules.order"
    depmod -b "$root" "$modDirVersion"

    # The patterns are the shell's. A Debian release may call a driver differently or build it in: what is named here and absent is no error.
    (cd "$all/kernel"; for w in $wanted; do find $w -name '*.ko' 2>/dev/null || true; done) | sed 's|^|kernel/|' | sort -u > list
    while read -r module; do
      grep "^$module:" "$all/modules.dep" | tr -d : | tr ' ' '\n'
    done < list | sort -u | while read -r file; do
      mkdir -p "$kept/''${file%/*}"; cp "$all/$file" "$kept/$file"
    done
    depmod -b "$out" "$modDirVersion"
  '';
in
drv // {
  pname = "linux";
  version = lib.head (lib.splitString "-" (lib.head (lib.splitString "+" modDirVersion)));
  inherit modDirVersion;
  kernelOlder = other: builtins.compareVersions modDirVersion other < 0;
  kernelAtLeast = other: builtins.compareVersions modDirVersion other >= 0;
  meta.description = "Debian's cloud kernel, with the modules of a virtual server";
}
