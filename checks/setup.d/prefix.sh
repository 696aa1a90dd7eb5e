# shellcheck shell=bash
# A self-contained Nix: Debian's own build of it, with every library it needs beside it, in one directory. It shares
# nothing with the system (own libc, own loader), so it runs on any Debian and in the test hosts, which bind-mount it.

prefix_oldest=2.26     # trixie's; the tests use flags that came after 2.18
prefix_suites="forky sid trixie"

prefix_ready() {
  [ -x "$INFRA_NIX_PREFIX/bin/nix" ] && nix_usable "$INFRA_NIX_PREFIX/bin/nix" "$prefix_oldest"
}

# Newest first. A suite that moves while we read it, or whose Nix needs something new, is no reason to stop. The work is
# done in a place of its own in the lab: what a killed run leaves there, the next one removes.
prefix_do() {
  local suite work="$INFRA_LAB/prefix.work"
  rm -rf "$work"
  for suite in $prefix_suites; do
    echo "--- Nix from $suite"
    # A bash of its own, for the errexit that an "if" would take away (see step in speak.sh).
    if bash "$repo/checks/setup.d/in-step.sh" prefix_from "$suite" "$work/$suite"; then
      rm -rf "$work"
      return
    fi
    echo "--- $suite did not work out"
  done
  echo "none of $prefix_suites has a Nix >= $prefix_oldest that can be taken apart here"
  return 1
}

# prefix_from SUITE DIR
prefix_from() {
  local suite=$1 work=$2 new="$INFRA_NIX_PREFIX.new"
  mkdir -p "$work"/{debs,root,new/bin,new/lib}
  prefix_download "$suite" "$work"
  prefix_unpack "$work"
  prefix_assemble "$work/root" "$work/new"
  prefix_patch "$work/new"
  prefix_verify "$work/new"
  prefix_install "$work/new" "$new"
}

# The index and the packages it names can disagree for a moment while a mirror is renewed: so both again, together.
prefix_download() {
  local suite=$1 work=$2 try
  for try in 1 2 3; do
    rm -rf "$work/apt" "$work/debs"
    mkdir -p "$work/debs"
    archive_open "$work/apt" "$suite"
    if archive_apt "$work/apt" update && prefix_fetch "$work"; then
      return
    fi
    [ "$try" -eq 3 ] || sleep $((try * 3))
  done
  echo "could not download nix-bin of $suite"
  return 1
}

# What can hold a library: everything else nix-bin depends on (perl, debconf, ...) is never loaded by Nix. Too much does no
# harm, and too little is found out by prefix_assemble.
prefix_fetch() {
  local packages
  packages=$(archive_apt "$1/apt" -s install nix-bin | awk '$1 == "Inst" { print $2 }' |
    grep -E '^(nix-bin$|zlib1g|lib)' | grep -vE 'perl|^libc-gconv|^lib(pam|semanage|sepol|audit|debconf|systemd)')
  grep -qx nix-bin <<<"$packages" || return 1
  # shellcheck disable=SC2086  # one word a package
  (cd "$1/debs" && archive_apt "$1/apt" download $packages)
}

prefix_unpack() {
  local deb
  for deb in "$1"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$1/root" --no-same-owner --exclude='./usr/share' --exclude='./etc' -f -
  done
}

# The package's own loader says which libraries are used: none may be missing, and none may come from this system.
prefix_assemble() {
  local root=$1 new=$2 loader dirs list library
  loader=$(prefix_loader "$root")
  dirs=$(find "$root" -type d -name '*-linux-gnu*' -printf '%p:')
  list=$("$loader" --library-path "$dirs" --list "$root/usr/bin/nix")
  prefix_check_list "$list" "$root"
  awk '/=> \// { print $3 }' <<<"$list" | sort -u | while read -r library; do
    cp -L "$library" "$new/lib/${library##*/}"
  done
  cp -L "$loader" "$new/lib/${loader##*/}"
  # libc loads these by itself when a name is looked up, so no list shows them.
  for library in libnss_dns.so.2 libnss_files.so.2; do
    find "$root" -name "$library" -exec cp -L {} "$new/lib/" \;
  done
  cp "$root/usr/bin/nix" "$new/bin/nix"
  find "$root/usr/bin" -type l -name 'nix-*' -printf '%f\n' | while read -r library; do
    ln -s nix "$new/bin/$library"
  done
}

prefix_loader() {
  local name
  name=$(basename "$(patchelf --print-interpreter "$1/usr/bin/nix")")
  find "$1" -name "$name" -type f -print -quit
}

# prefix_check_list TEXT DIR: what ld.so --list printed names only files below DIR
prefix_check_list() {
  if grep -E 'not found|error while loading' <<<"$1"; then
    echo "a library is missing"
    return 1
  fi
  if awk -v dir="$2/" '/=> \// && index($3, dir) != 1 { print "outside: " $3; bad = 1 } END { exit !bad }' <<<"$1"; then
    echo "a library of this system would be used"
    return 1
  fi
}

# DT_RPATH (--force-rpath), not RUNPATH: only the former counts for libraries that libc itself loads. libc.so.6 and the
# loader are left as they are; both need no path, and patching them can break them.
prefix_patch() {
  # shellcheck disable=SC2016  # the loader's own placeholder
  local library origin='$ORIGIN'
  for library in "$1"/lib/*.so*; do
    case ${library##*/} in
      libc.so.6 | ld-linux*) ;;
      *) patchelf --force-rpath --set-rpath "$origin" "$library" ;;
    esac
  done
  patchelf --force-rpath --set-rpath "$origin/../lib" \
    --set-interpreter "$INFRA_NIX_PREFIX/lib/$(basename "$(patchelf --print-interpreter "$1/bin/nix")")" "$1/bin/nix"
}

# As it will run: by its own rpath, and it starts.
prefix_verify() {
  local loader version
  loader=$(find "$1/lib" -name 'ld-*.so*' -print -quit)
  prefix_check_list "$("$loader" --list "$1/bin/nix")" "$1"
  version=$(nix_version "$("$loader" "$1/bin/nix" --version)")
  echo "Nix ${version:-of no readable version}"
  version_at_least "${version:-0.0}" "$prefix_oldest"
}

# One rename makes it appear: whoever sees the prefix sees all of it. The place itself is part of the binary (loader).
prefix_install() {
  local new=$2 old="$INFRA_NIX_PREFIX.old"
  as_root rm -rf "$new" "$old"
  as_root mkdir -p "$(dirname "$new")"
  as_root cp -a --no-preserve=ownership "$1" "$new"
  [ ! -e "$INFRA_NIX_PREFIX" ] || as_root mv -T "$INFRA_NIX_PREFIX" "$old"
  as_root mv -T "$new" "$INFRA_NIX_PREFIX"
  as_root rm -rf "$old"
  nix_usable "$INFRA_NIX_PREFIX/bin/nix" "$prefix_oldest"
}
