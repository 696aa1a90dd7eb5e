# What a plan asks a host, in one breath. $1: the system to tell of, or nothing; standard input: paths of a closure, of which the missing ones
# are named. Lines of fields separated by tabs, read by infra_drive::snapshot. Changes nothing but a folder of its own, which goes again.
PATH=$PATH:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cat >"$dir/closure"

if [ -s "$dir/closure" ] && xargs nix-store --check-validity --print-invalid <"$dir/closure" >"$dir/lacks" 2>/dev/null; then
  printf 'asked\tyes\n'
  sed 's/^/lacks\t/' "$dir/lacks"
fi

if [ -d /run/systemd/system ]; then
  printf 'systemd\tyes\n'
  systemctl list-units --state=active,activating,reloading --full --plain --no-legend --no-pager 2>/dev/null </dev/null |
    while read -r unit _; do printf 'active\t%s\n' "$unit"; done
fi

[ -n "$1" ] && [ -e "$1" ] || exit 0
# Half of a system would be taken for all of it: a host that lacks a tool tells nothing.
for tool in comm cut find grep paste readlink sed sha256sum sort stat xargs; do
  command -v $tool >/dev/null 2>&1 || exit 0
done

if nix-store --query --requisites "$1" >"$dir/needs" 2>/dev/null && xargs nix-store --query --size <"$dir/needs" >"$dir/sizes" 2>/dev/null; then
  paste "$dir/needs" "$dir/sizes" | sed 's/^/size\t/'
fi

tab=$(printf '\t')
# Every tool set has these options of `find` and `stat`.
tell() {
  xargs -0 -r sh -c 'find "$@" -exec stat -c "%F|%a|%s|%n" {} +' find 2>/dev/null |
    while IFS='|' read -r kind mode bytes path; do
      case $kind in
        directory) printf 'd\t%s\t%s\t%s\t\n' "$mode" "$bytes" "$path" ;;
        regular*) printf 'f\t%s\t%s\t%s\t\n' "$mode" "$bytes" "$path" ;;
        symbolic*) printf 'l\t%s\t%s\t%s\t%s\n' "$mode" "$bytes" "$path" "$(readlink "$path")" ;;
      esac
    done
}

# Links into the store are followed, from one level to the next; each place is looked at once.
printf '%s\n' "$1/etc" >"$dir/todo"
: >"$dir/seen"
: >"$dir/all"
level=0
while [ -s "$dir/todo" ] && [ $level -lt 8 ]; do
  tr '\n' '\0' <"$dir/todo" | tell >"$dir/found"
  cat "$dir/found" >>"$dir/all"
  sort -u "$dir/seen" "$dir/todo" >"$dir/seen.new" && mv "$dir/seen.new" "$dir/seen"
  sed -n "s|^l$tab.*$tab\(/nix/store/[^$tab]*\)\$|\1|p" "$dir/found" | sort -u | comm -23 - "$dir/seen" >"$dir/todo"
  level=$((level + 1))
done
sed 's/^/at\t/' "$dir/all"

grep "^f$tab" "$dir/all" | cut -f4 | sort -u >"$dir/files"
tr '\n' '\0' <"$dir/files" | xargs -0 -r sha256sum | sed 's/^/sha\t/; s/  /\t/'
grep '\.mode$' "$dir/files" | while IFS= read -r file; do printf 'mode\t%s\t%s\n' "$file" "$(cat "$file")"; done

for name in kernel initrd kernel-modules; do
  [ ! -L "$1/$name" ] || printf 'boot\t%s\t%s\n' "$name" "$(readlink "$1/$name")"
done
[ ! -f "$1/kernel-params" ] || printf 'boot\tkernel-params\t%s\n' "$(tr '\n' ' ' <"$1/kernel-params")"
exit 0
