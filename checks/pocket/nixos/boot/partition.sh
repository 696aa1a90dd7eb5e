
# ---- partition.sh: what installers of boot loaders share. They have $boot_loader, a name for messages, and $esp, the partition.
set -euo pipefail

profiles=/nix/var/nix/profiles

say() { printf '%s: %s\n' "$boot_loader" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Writing to a folder that only looks like the partition would leave the machine with its old menu, and nobody told. A
# machine with a userland and a boot loader of its own keeps those.
require_partition() {
  [ "${NIXOS_INSTALL_BOOTLOADER:-}" != 1 ] || return 0
  if awk -v point="$esp" '$2 == point { found = 1 } END { exit !found }' /proc/mounts; then return 0; fi
  case $(readlink -f /proc/1/exe) in
    /nix/store/*) [ -e /run/systemd/container ] || die "nothing is mounted on $esp (boot.loader.efi.efiSysMountPoint)" ;;
  esac
  say "nothing is mounted on $esp, and the machine was not booted by pocket: its boot loader stays as it is"
  exit 0
}

put() { # FILE < CONTENT; a file that has it already is not written
  cat >"$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; return; fi
  sync "$1.new"
  mv -f "$1.new" "$1"
}

# Numbers of the generations that can be booted, oldest first.
generations() {
  local link number
  [ -r "$profiles/." ] || die "$profiles cannot be read; the boot menu stays as it is"
  for link in "$profiles"/system-*-link; do
    number=${link##*/system-} number=${number%-link}
    [ ! -e "$link/kernel" ] || printf '%s\n' "$number"
  done | sort -n
}
