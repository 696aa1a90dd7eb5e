#!/bin/bash
# Makes the disk of a test machine: the base system and Nix, installed as generation 1, and the machine's own files. Runs in
# a mount namespace of its own; nothing is mounted from the images, so no loop device is needed.
#
# Environment: DOORS (of the control group that ends with the lab) MACHINE_DIR (gets disk.img) SEED (the machine's own files) CACHE (installed trees, kept for the next machine)
#              BASE (machine-base.nix) HARDWARE (what it is deployed with, too) STORE NIXPKGS NIX_PREFIX NIX_CONF_DIR HOME ROOT_MIB
set -euo pipefail
umask 022

esp_first=$((1024 * 1024))
esp_mib=128
root_first=$((esp_first + esp_mib * 1024 * 1024))
PATH=$NIX_PREFIX/bin:$PATH

say() { printf 'machine-image: %s s: %s\n' "$SECONDS" "$*" >&2; }

# The derivation is the same for the same sources, so asking again costs an evaluation and no build.
build_base() {
  nix build --impure --no-link --print-out-paths --expr "
    ((builtins.getFlake \"path:$NIXPKGS\").lib.nixosSystem { modules = [ (/. + \"$BASE\") (/. + \"$HARDWARE\") ]; }).config.system.build.toplevel"
}

# TREE/root is what the root file system begins with, TREE/esp the EFI partition. Its installer is the system's own, run
# as an installation does.
install_tree() { # SYSTEM TREE
  local new=$2.new root=$2.new/root
  rm -rf --one-file-system "$new"
  mkdir -p "$root"/{boot,dev,etc,home,opt,proc,root,run,sys,tmp,usr/local/bin,var/lib/infra}
  chmod 1777 "$root/tmp"
  chmod 700 "$root/root"
  nix copy --no-check-sigs --to "$root" "$1"
  nix-env --store "$root" --profile "$root/nix/var/nix/profiles/system" --set "$1"
  mkdir -p "$root$NIX_PREFIX"
  cp -a "$NIX_PREFIX/." "$root$NIX_PREFIX/"
  mount --rbind /dev "$root/dev"
  NIXOS_INSTALL_BOOTLOADER=1 chroot "$root" "$1/bin/switch-to-configuration" boot
  umount --lazy "$root/dev"
  mv "$root/boot" "$new/esp"
  mkdir "$root/boot"
  rm -rf "$root/run"/*
  mv -T "$new" "$2"
}

# Trees of other systems are of no use soon.
forget_old_trees() {
  find "$CACHE" -mindepth 1 -maxdepth 1 -name 'tree-*' -mtime +7 -exec rm -rf --one-file-system {} +
}

make_disk() { # TREE IMAGE
  local root=$MACHINE_DIR/root sectors
  mkdir "$root"
  # The machine's own files lie over the tree; read-only, as this is only read.
  mount -t overlay -o "lowerdir=$SEED:$1/root" machine-root "$root"
  truncate -s $((root_first + (ROOT_MIB + 1) * 1024 * 1024)) "$2"
  sfdisk --quiet --no-reread --no-tell-kernel "$2" <<EOF
label: gpt
start=$((esp_first / 512)), size=${esp_mib}MiB, type=uefi, name=ESP
start=$((root_first / 512)), size=${ROOT_MIB}MiB, type=linux, name=nixos
EOF
  sectors=$((esp_mib * 2048))
  mformat -i "$2@@$esp_first" -F -v ESP -h 64 -s 32 -T "$sectors" -c 2 ::
  mcopy -s -Q -i "$2@@$esp_first" "$1/esp"/* ::
  mke2fs -q -t ext4 -L nixos -m 0 -d "$root" -E "offset=$root_first" "$2" "${ROOT_MIB}M"
  umount "$root"
  rmdir "$root"
}

for door in $DOORS; do echo "$$" >"$door"; done
mount --bind "$STORE" /nix
mkdir -p "$CACHE"
system=$(build_base)
say "the base system is $system"
# With the Nix in the name: another one needs another tree.
tree=$CACHE/tree-$(printf '%s\n' "$system" "$(stat -Lc '%s %Y' "$NIX_PREFIX/bin/nix")" | sha256sum | head -c 16)
exec 9>"$CACHE/lock"
flock 9
[ -d "$tree" ] || { install_tree "$system" "$tree"; say "installed as a tree"; }
touch "$tree"
forget_old_trees
flock -u 9
make_disk "$tree" "$MACHINE_DIR/disk.img.new"
mv "$MACHINE_DIR/disk.img.new" "$MACHINE_DIR/disk.img"
say "the disk is made"
