# Builds $out/initrd: busybox, stage 1, and the wanted modules with all they depend on. Sourced by busybox in the sandbox.
modules=$kernel/lib/modules/$modDirVersion
root=$PWD/root
mkdir -p root/bin root/dev root/proc root/sys root/run root/mnt-root "root/lib/modules/$modDirVersion" "$out"
cp "$busybox/bin/busybox" root/bin/busybox
for applet in $(root/bin/busybox --list); do [ "$applet" = busybox ] || ln -s busybox "root/bin/$applet"; done
cp "$stage1" root/init
chmod 755 root/init root/bin/busybox

# modules.dep spells names with - or _, as the file is called.
entry() { grep -E "/$(echo "$1" | sed 's/[-_]/[-_]/g')\.ko:" "$modules/modules.dep"; }
built_in() { grep -qE "/$(echo "$1" | sed 's/[-_]/[-_]/g')\.ko$" "$modules/modules.builtin"; }

add() {
  for file in $(entry "$1" | tr -d ':'); do
    mkdir -p "root/lib/modules/$modDirVersion/${file%/*}"
    cp -n "$modules/$file" "root/lib/modules/$modDirVersion/$file"
  done
}

for name in $required; do
  if entry "$name" >/dev/null; then add "$name"
  elif ! built_in "$name"; then
    echo "initrd: pocket's kernel has no module '$name' (boot.initrd.kernelModules, or the fsType of a file system needed for boot)" >&2
    exit 1
  fi
done
# "Available" modules are a list of guesses about a machine; those that this kernel does not have are no loss.
for name in $optional; do if entry "$name" >/dev/null; then add "$name"; fi; done

cp "$modules/modules.builtin" "$modules/modules.order" "root/lib/modules/$modDirVersion/"
depmod -b "$root" "$modDirVersion"
find root -exec touch -h -d @1 {} +
(cd root && find . | sort | "$tools/bin/cpio" -o -H newc --quiet --reproducible -R 0:0) | $compress >"$out/initrd"
