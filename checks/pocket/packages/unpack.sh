# Debian packages -> one self-contained store path $out. Sourced by a busybox shell inside the build sandbox.
#
#   roots  the packages whose programs and data are wanted       libs   packages that only give shared libraries
#   keep   file patterns of libraries that are loaded by name at run time, so that no program lists them
#   drop   files of $out that are of no use here and would pull in libraries
#   finish shell code run at the end, in $out                    tools  the path with patchelf (absent while making it)
#
# Every ELF file is bound to $out's own loader and libraries: DT_RPATH (a RUNPATH would not serve libraries that libc
# itself loads), and no default library path, so that not even a missing library is ever taken from the machine.

fail() { echo "pocket: $name: $*" >&2; exit 1; }

unpack() { # DEB DIR
  member=$(ar t "$1" | grep '^data\.tar') || fail "$1 has no data member"
  case $member in
    *.xz) filter=xzcat ;;
    *.gz) filter=zcat ;;
    *.tar) filter=cat ;;
    *) fail "$1 is compressed as $member, which busybox cannot read" ;;
  esac
  ar p "$1" "$member" | $filter | tar x -C "$2"
}

# Debian 12 splits / and /usr inside its packages; 13 no longer does.
merge_usr() { # DIR
  for d in bin sbin lib lib64; do
    if [ -d "$1/$d" ] && [ ! -L "$1/$d" ]; then
      mkdir -p "$1/usr/$d"
      cp -a "$1/$d/." "$1/usr/$d/"
      rm -rf "${1:?}/$d"
    fi
  done
}

copy_tree() { # FROM TO
  if [ -d "$1" ]; then mkdir -p "$2"; cp -a "$1/." "$2/"; fi
}

install_roots() {
  u=root/usr
  copy_tree $u/bin "$out/bin"
  # sbin often holds a link to the same name in bin, which must not replace it
  if [ -d $u/sbin ]; then for f in $u/sbin/*; do [ ! -e "$out/bin/${f##*/}" ] || rm "$f"; done; fi
  copy_tree $u/sbin "$out/bin"
  copy_tree $u/games "$out/bin"
  if [ -d $u/lib/x86_64-linux-gnu ]; then
    copy_tree $u/lib/x86_64-linux-gnu "$out/lib"
    rm -rf $u/lib/x86_64-linux-gnu
  fi
  copy_tree $u/lib "$out/lib"
  copy_tree $u/libexec "$out/libexec"
  copy_tree $u/share "$out/share"
  (cd "$out" && rm -rf share/doc share/man share/locale share/info share/lintian share/bug share/bash-completion share/zsh \
    share/fish share/perl5 share/common-licenses share/menu share/apport share/pixmaps share/applications share/gtk-doc \
    lib/lsb lib/init lib/pkgconfig lib/sysusers.d/.keep share/doc-base share/initramfs-tools share/python* share/gdb lib/python*)
}

# Programs and libraries. What GRUB is made of are object files, which no loader of ours ever sees.
is_elf() {
  case $1 in */lib/grub/*) return 1 ;; esac
  [ -f "$1" ] && [ ! -L "$1" ] && [ "$(head -c 4 "$1" | tail -c 3)" = ELF ]
}

elf_files() { find "$out" -type f | sort | while read -r f; do if is_elf "$f"; then echo "$f"; fi; done; }

find_library() { find libs/usr/lib* "$out/lib" \( -type f -o -type l \) -name "$1" 2>/dev/null | sort | head -n 1; }

add_library() { # SONAME
  from=$(find_library "$1")
  [ -n "$from" ] || return 1
  case $from in "$out"/*) return 0 ;; esac
  cp -L "$from" "$out/lib/$1"
  chmod 755 "$out/lib/$1"
}

# The libraries that the ELF files name, and those that these name, until nothing new comes.
collect_libraries() {
  mkdir -p "$out/lib"
  for pattern in $keep; do
    find libs/usr/lib* -name "$pattern" | sort | while read -r f; do add_library "${f##*/}"; done
  done
  elf_files >todo
  : >known
  [ -s todo ] || return 0
  add_library $loader || fail "no package gives $loader"
  $patchelf --version >/dev/null || fail "patchelf does not run here"
  echo "# never empty: awk tells its two files apart by their line numbers" >known.all
  while [ -s todo ]; do
    # shellcheck disable=SC2046 # store paths have no blanks
    for f in $(cat todo); do $patchelf --print-needed "$f" 2>/dev/null || true; done | sort -u >needed
    awk 'NR == FNR { known[$0] = 1; next } !($0 in known)' known.all needed >fresh
    cat fresh >>known
    cat fresh >>known.all
    : >todo
    while read -r soname; do
      add_library "$soname" || fail "no package gives the library $soname"
      [ ! -e "$out/lib/$soname" ] || echo "$out/lib/$soname" >>todo
    done <fresh
  done
}

# $out/lib and each folder below it that holds a library some program names.
library_path() {
  dirs=$out/lib
  for d in $(find "$out/lib" -mindepth 2 -name '*.so*' | sed 's|/[^/]*$||' | sort -u); do
    if ls "$d" | grep -qxF -f known; then dirs=$dirs:$d; fi
  done
  echo "$dirs"
}

bind_elf() {
  rpath=$(library_path)
  elf_files | while read -r f; do
    case ${f##*/} in "$loader" | libc.so.6) continue ;; esac
    $patchelf --print-needed "$f" >/dev/null 2>&1 || continue # static
    chmod u+w "$f"
    # Two runs: patchelf 0.18 (Debian 13) fails an assertion on some programs when both are asked for at once.
    $patchelf --force-rpath --set-rpath "$rpath" --no-default-lib "$f" || fail "cannot patch $f"
    if $patchelf --print-interpreter "$f" >/dev/null 2>&1; then
      $patchelf --set-interpreter "$out/lib/$loader" "$f" || fail "cannot patch $f"
    fi
  done
}

# Ask the loader itself where everything would come from.
verify_elf() {
  elf_files | while read -r f; do
    case ${f##*/} in "$loader") continue ;; esac
    listing=$("$out/lib/$loader" --list "$f" 2>&1) || case $listing in
      *"not a dynamic executable"* | *"statically linked"*) continue ;;
      *) fail "$f does not load: $listing" ;;
    esac
    echo "$listing" | awk -v out="$out/" -v f="$f" '
      /not found/ { print f ": " $0; bad = 1 }
      $2 == "=>" && $3 ~ /^\// && index($3, out) != 1 { print f ": takes " $3 " from outside"; bad = 1 }
      END { exit bad }' >&2 || fail "an ELF file is not self-contained"
  done
}

# Scripts keep only what busybox can run; interpreters that are not in the package would be a promise nobody keeps.
fix_scripts() {
  [ -d "$out/bin" ] || return 0
  find "$out/bin" "$out/lib" "$out/libexec" -type f 2>/dev/null | sort | while read -r f; do
    [ "$(head -c 2 "$f")" = '#!' ] || continue
    line=$(head -n 1 "$f")
    case $line in
      '#!/bin/sh'* | '#! /bin/sh'*) sed -i "1s|.*|#!$shell|" "$f" ;;
      *) rm "$f" ;;
    esac
  done
}

# Absolute links point into the package itself, or nowhere.
fix_links() {
  find "$out" -type l | sort | while read -r l; do
    target=$(readlink "$l")
    case $target in
      "$out"/*) ;;
      /usr/lib/x86_64-linux-gnu/* | /lib/x86_64-linux-gnu/*) ln -sfn "$out/lib/${target##*/x86_64-linux-gnu/}" "$l" ;;
      /usr/bin/* | /usr/sbin/* | /bin/* | /sbin/*) ln -sfn "$out/bin/${target##*/}" "$l" ;;
      /usr/* | /lib/*) ln -sfn "$out/${target#/usr}" "$l" ;;
    esac
    [ -e "$l" ] || [ "$(readlink "$l")" = /dev/null ] || rm "$l"
  done
}

main() {
  loader=ld-linux-x86-64.so.2
  mkdir -p root libs "$out"
  for d in $roots; do unpack "$d" root; done
  for d in $libs; do unpack "$d" libs; done
  merge_usr root
  merge_usr libs
  install_roots
  for f in ${drop:-}; do rm -rf "${out:?}/$f"; done
  if [ -n "${tools:-}" ]; then
    patchelf=$tools/bin/patchelf
  else
    l=$(find libs/usr -name $loader ! -type d | sort | head -n 1)
    cp root/usr/bin/patchelf patchelf-unbound
    patchelf="$l --library-path libs/usr/lib/x86_64-linux-gnu ./patchelf-unbound"
  fi
  collect_libraries
  if [ -s known ]; then bind_elf; fi
  fix_scripts
  (cd "$out" && eval "${finish:-}")
  fix_links
  if [ -s known ]; then verify_elf; fi
  find "$out" -depth -type d -exec rmdir {} + 2>/dev/null || true
  chmod -R a-s,go-w "$out"
}
