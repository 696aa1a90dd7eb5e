
# ---- systemd-boot.sh SYSTEM: an entry of systemd-boot for each generation of the system profile, SYSTEM the default.
#
# Files are named as nixpkgs' installer names them: EFI/nixos/HASH-NAME-FILE.efi, after the store paths they are copies
# of, loader/entries/nixos-generation-N.conf and loader/loader.conf. Each file is written beside its place and renamed
# into it, and what an entry names is on the disk before the entry, what is no longer named is removed last: a power cut
# at any moment leaves a default that boots.
set -euo pipefail

default=$1
profiles=/nix/var/nix/profiles
entries=$esp/loader/entries
kernels=$esp/EFI/nixos

say() { printf 'systemd-boot: %s\n' "$*" >&2; }
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

# A name is made from a store path, so a file of that name is a copy of it: what is there need not be compared.
copied() { # STORE-FILE -> its name on the partition, there after this
  local from name
  from=$(readlink -f "$1")
  name=${from#/nix/store/}
  name=${name//\//-}.efi
  if [ ! -e "$kernels/$name" ]; then
    cp "$from" "$kernels/$name.new"
    sync "$kernels/$name.new"
    mv "$kernels/$name.new" "$kernels/$name"
  fi
  wanted[EFI/nixos/$name]=1
  copy=$name
}

# Numbers of the generations that can be booted, oldest first; the default is among them however old it is.
generations() {
  local link number numbers=() kept
  for link in "$profiles"/system-*-link; do
    number=${link##*/system-} number=${number%-link}
    [ ! -e "$link/kernel" ] || numbers+=("$number")
  done
  [ ${#numbers[@]} -gt 0 ] || return 0
  kept=$(printf '%s\n' "${numbers[@]}" | sort -n | tail -n "${limit:-1000000}")
  for number in "${numbers[@]}"; do
    if is_default "$number"; then printf '%s\n' "$number"; fi
  done | printf '%s\n' "$kept" "$(cat)" | grep . | sort -nu
}

is_default() { [ "$(readlink -f "$profiles/system-$1-link")" = "$(readlink -f "$default")" ]; }

write_entry() { # NUMBER
  local link=$profiles/system-$1-link system kernel initrd entry
  system=$(readlink -f "$link")
  copied "$system/kernel"
  kernel=$copy
  copied "$system/initrd"
  initrd=$copy
  entry=nixos-generation-$1.conf
  wanted[loader/entries/$entry]=1
  put "$entries/$entry" <<EOF
title $name
sort-key nixos
version Generation $1 $name $(cat "$system/nixos-version"), built on $(date -d "@$(stat -c %Y "$link")" +%F)
linux /EFI/nixos/$kernel
initrd /EFI/nixos/$initrd
options init=$system/init $(cat "$system/kernel-params")
EOF
}

install_loader() {
  local place
  for place in EFI/systemd/systemd-bootx64.efi EFI/BOOT/BOOTX64.EFI; do
    put "$esp/$place" <"$loader"
  done
}

write_default() { # NUMBER
  { printf '%s' "$settings" && printf 'default nixos-generation-%s.conf\n' "$1"; } | put "$esp/loader/loader.conf"
}

remove_stale() {
  local file
  for file in "$entries"/nixos-generation-*.conf "$kernels"/*.efi "$kernels"/*.new "$entries"/*.new; do
    [ -n "${wanted[${file#"$esp"/}]:-}" ] || rm -f "$file"
  done
}

declare -A wanted=()
copy='' newest=''
require_partition
mkdir -p "$entries" "$kernels" "$esp/EFI/systemd" "$esp/EFI/BOOT"
install_loader
for number in $(generations); do
  write_entry "$number"
  if is_default "$number"; then newest=$number; fi
done
sync -f "$esp"
if [ -n "$newest" ]; then
  write_default "$newest"
else
  say "warning: $default is no generation of $profiles/system; the default of the boot menu stays as it is"
fi
sync -f "$esp"
remove_stale
sync -f "$esp"
