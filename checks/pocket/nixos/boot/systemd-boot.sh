
# ---- systemd-boot.sh SYSTEM: an entry of systemd-boot for each generation of the system profile, SYSTEM the default.
#
# Files are named as nixpkgs' installer names them: EFI/nixos/HASH-NAME-FILE.efi, after the store paths they are copies
# of, loader/entries/nixos-generation-N.conf and loader/loader.conf. Each file is written beside its place and renamed
# into it, and what an entry names is on the disk before the entry, what is no longer named is removed last: a power cut
# at any moment leaves a default that boots.
default=$1
entries=$esp/loader/entries
kernels=$esp/EFI/nixos

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

# As nixpkgs does, the newest are offered, and the default is not among them if it is older; 0 is no limit.
newest() { if [ "${limit:-0}" -gt 0 ]; then tail -n "$limit"; else cat; fi; }

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
  # Not through a pipe: if its other end dies, what has come is no whole file.
  put "$esp/loader/loader.conf" <<EOF
${settings}default nixos-generation-$1.conf
EOF
}

# What the menu starts if nobody chooses is started all the same when its generation is gone: it stays until there is another default. But
# nixpkgs removes it when it is beyond the limit, and so does this, for whoever relies on it to learn that here.
keep_default() {
  local entry number file
  [ -e "$esp/loader/loader.conf" ] || return 0
  entry=$(sed -n 's/^default //p' "$esp/loader/loader.conf")
  [ -f "$entries/$entry" ] || return 0
  number=${entry#nixos-generation-} number=${number%.conf}
  if grep -qxF -e "$number" <<<"$all"; then
    [ -n "${wanted[loader/entries/$entry]:-}" ] \
      || say "warning: the default of the boot menu, $entry, goes: it is older than the newest $limit (boot.loader.systemd-boot.configurationLimit)"
    return 0
  fi
  wanted[loader/entries/$entry]=1
  while read -r file; do
    wanted[${file#/}]=1
  done < <(sed -n 's/^\(linux\|initrd\) //p' "$entries/$entry")
}

remove_stale() {
  local file
  if [ -z "$all" ]; then
    say "warning: $profiles/system has no generation that can be booted; what the boot menu has stays"
    return 0
  fi
  keep_default
  for file in "$entries"/nixos-generation-*.conf "$kernels"/*.efi "$kernels"/*.new "$entries"/*.new; do
    [ -n "${wanted[${file#"$esp"/}]:-}" ] || rm -f "$file"
  done
}

declare -A wanted=()
copy='' chosen=''
require_partition
all=$(generations)
mkdir -p "$entries" "$kernels" "$esp/EFI/systemd" "$esp/EFI/BOOT"
install_loader
for number in $(newest <<<"$all"); do
  write_entry "$number"
  if is_default "$number"; then chosen=$number; fi
done
sync -f "$esp"
if [ -n "$chosen" ]; then
  write_default "$chosen"
else
  say "warning: $default is no generation of $profiles/system that is offered; the default of the boot menu stays as it is"
fi
sync -f "$esp"
remove_stale
sync -f "$esp"
