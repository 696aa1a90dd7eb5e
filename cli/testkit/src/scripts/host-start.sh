# Starts one host and stays as its supervisor. Runs in the host's network namespace and in a mount
# namespace of its own, so nothing that is mounted here shows up, or stays, on the machine.
#
# Environment: HOST_DIR ROOTFS NIX_PREFIX (empty: no Nix) STORE_KIND STORE_MIB
#              SYSTEMD (1 or empty) HOSTNAME MACHINE NET_FILE PLAIN_INIT (path of plain-init.sh)
set -eu
umask 022

# The owner first writes down who we are. If it dies before that, this reads end of file: a
# supervisor that nobody knows of must not start anything.
read -r _go || exit 1
exec </dev/null

mnt=$HOST_DIR/mnt
nix=$HOST_DIR/nix
root=$mnt/root

mount_store() {
  case $STORE_KIND in
    dir) ;;
    tmpfs) mount -t tmpfs -o "mode=0755,size=${STORE_MIB}m" lab-store "$nix" ;;
    ext4)
      if [ ! -e "$HOST_DIR/nix.img" ]; then
        truncate -s "${STORE_MIB}M" "$HOST_DIR/nix.img.new"
        # No space kept for root (Nix is root) and no journal: the image is as small as asked for.
        mkfs.ext4 -q -m 0 -O ^has_journal "$HOST_DIR/nix.img.new"
        mv "$HOST_DIR/nix.img.new" "$HOST_DIR/nix.img"
      fi
      # The loop device frees itself when this namespace, and so the mount, is gone.
      mount -o loop "$HOST_DIR/nix.img" "$nix"
      # e2fsprogs' own folder: Nix would not mind, but an empty disk should look empty.
      rmdir "$nix/lost+found" 2>/dev/null || true ;;
  esac
}

# A fresh root at every boot: the host's own files over the shared tree, changes in memory. Only
# what is bound below survives, as on a NixOS with its root in memory.
mount_root() {
  mount -t tmpfs -o mode=0755,size=512m lab-root "$mnt"
  mkdir "$mnt/upper" "$mnt/scratch" "$root"
  mount -t overlay -o "lowerdir=$HOST_DIR/seed:$ROOTFS,upperdir=$mnt/upper,workdir=$mnt/scratch" lab-root "$root"
  for kept in persist var/lib/infra; do
    mkdir -p "$root/$kept" "$HOST_DIR/persist/$kept"
    mount --bind "$HOST_DIR/persist/$kept" "$root/$kept"
  done
  [ -n "$NIX_PREFIX" ] || return 0
  mkdir -p "$root/nix" "$root$NIX_PREFIX"
  mount --bind "$nix" "$root/nix"
  mount --bind "$NIX_PREFIX" "$root$NIX_PREFIX"
  mount -o remount,bind,ro "$root$NIX_PREFIX"
}

boot_systemd() {
  # --keep-unit and --register=no: there may be no systemd on the machine to ask for a scope.
  # CAP_NET_ADMIN: nspawn takes a network that it did not make itself for the machine's own, and
  # would let the host have no firewall.
  # The hierarchy is said explicitly because nspawn would guess it from a hybrid machine's layout.
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --keep-unit --register=no \
    --machine="$MACHINE" --hostname="$HOSTNAME" --directory="$root" \
    --network-namespace-path="$NET_FILE" --capability=CAP_NET_ADMIN \
    --resolv-conf=off --timezone=off --link-journal=no --console=pipe --boot
}

boot_plain() {
  ROOT=$root unshare --mount --pid --uts --ipc --fork --kill-child -- /bin/bash "$PLAIN_INIT"
}

# nspawn keeps locks and folders of its machines in /run and forgets them when it is killed; and it
# would look there for a systemd of the machine to talk to.
mount -t tmpfs -o mode=0755 lab-run /run
mount_store
while :; do
  mount_root
  status=0
  if [ -n "$SYSTEMD" ]; then boot_systemd || status=$?; else boot_plain || status=$?; fi
  umount --recursive "$mnt"
  # 133 is how nspawn says that the host wants to boot again.
  [ "$status" = 133 ] || exit "$status"
done
