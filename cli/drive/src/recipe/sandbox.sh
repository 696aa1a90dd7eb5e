# Process 1 of the sandbox: builds it, runs the script in it, and says what that left. Decision 0020 says why it is a shell's work.
#
# Standard input: a line `KIND NAME BASE64` for the script and each of its inputs, then `go`. Nothing of them is in an argument or a variable
# of any process. Standard output: `ready`, a line for each file that was left, `end CODE`. Standard error is the script's.
set -eu
# What follows mounts over /tmp and ends every process it sees: it must be a namespace's own, whatever started this.
[ $$ = 1 ] || { echo "the sandbox is not in a process namespace of its own" >&2 && exit 70; }
umask 022
drop=$1 seconds=$2 path=$3 shell=$4 flags=$5 out_size=$6 out_limit=$7

# Memory that is never swapped out, where the kernel offers it to us (Linux 6.4, root); no disk in any case.
memory() {
  mount -t tmpfs -o "nosuid,nodev,$2,noswap" tmpfs "$1" 2>/dev/null || mount -t tmpfs -o "nosuid,nodev,$2" tmpfs "$1"
}

# A mount that nothing is written to any more. `bind`: the file system's own options would be given again as well, and in a namespace of users
# some of them may not be. `nosuid` and `nodev` likewise may not be taken away from a mount that has them.
freeze() {
  mount -o remount,bind,ro,nosuid,nodev "$1"
}

# The new root is put together on a folder that every machine has.
memory /tmp mode=0755,size=4m,nr_inodes=1024
cd /tmp
mkdir dev etc in old out prompts proc tmp

# Programs.
for dir in /usr /bin /sbin /lib /lib32 /lib64 /libx32 /nix/store /etc/alternatives; do
  if [ -L "$dir" ]; then
    ln -s "$(readlink "$dir")" ".$dir"
  elif [ -d "$dir" ]; then
    mkdir -p ".$dir"
    mount --rbind "$dir" ".$dir"
    freeze ".$dir"
  fi
done
if [ -f /etc/ld.so.cache ]; then cp /etc/ld.so.cache etc/; fi
printf 'root:x:0:0::/homeless:/bin/sh\nnobody:x:65534:65534::/homeless:/bin/sh\n' >etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\n' >etc/group

for device in null zero full random urandom; do
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
# A container that hides parts of its own /proc may not be given a whole one. Then there is none; few scripts miss it.
mount -t proc -o nosuid,nodev,noexec proc proc 2>/dev/null || true

memory in mode=0755,size=64m,nr_inodes=4096
memory prompts mode=0755,size=16m,nr_inodes=1024
memory tmp mode=1777,size=64m,nr_inodes=8192
memory out "mode=0755,size=$out_size,nr_inodes=1024"
if [ "$drop" = yes ]; then chown 65534:65534 out; fi

while read -r kind name content; do
  case $kind in
  go) break ;;
  script) printf %s "$content" | base64 -d >recipe ;;
  in | prompts) printf %s "$content" | base64 -d >"$kind/$name" ;;
  esac
done
content=
if [ "${kind-}" != go ]; then
  echo "the input ended early" >&2
  exit 1
fi

pivot_root . old
cd /
umount -l /old
rmdir /old
for place in /in /prompts /; do freeze "$place"; done

# Found now, while PATH is ours.
env=$(command -v env) timeout=$(command -v timeout) prlimit=$(command -v prlimit) setpriv=$(command -v setpriv)
set -- --no-new-privs --bounding-set=-all --inh-caps=-all
if [ "$drop" = yes ]; then set -- "$@" --reuid=65534 --regid=65534 --clear-groups; fi

echo ready
code=0
cd /tmp
# infra ends the sandbox when the time is over. `timeout` is for the case that infra itself was killed.
# shellcheck disable=SC2086 # the flags are words
"$timeout" -s KILL "$seconds" \
  "$prlimit" --nproc=512 --data=2147483648 --fsize=67108864 --core=0 \
  "$setpriv" "$@" \
  "$env" -i PATH="$path" HOME=/homeless TMPDIR=/tmp LC_ALL=C.UTF-8 in=/in out=/out prompts=/prompts \
  "$shell" $flags /recipe </dev/null 1>&2 || code=$?

# Everything but this shell. What is left must not change while it is read, so wait until nobody holds it open.
kill -9 -1 2>/dev/null || true
tries=0
until freeze /out 2>/dev/null || [ "$tries" -ge 500 ]; do
  tries=$((tries + 1))
  sleep 0.01
done

cd /out
for file in ./* ./.[!.]* ./..?*; do
  if [ ! -e "$file" ] && [ ! -L "$file" ]; then continue; fi
  name=${file#./}
  case $name in *[!A-Za-z0-9_.-]*)
    echo strange
    continue
    ;;
  esac
  if [ -L "$file" ] || [ ! -f "$file" ]; then
    echo "odd $name"
  elif [ "$(wc -c <"$file")" -gt "$out_limit" ]; then
    echo "large $name"
  else
    printf 'file %s ' "$name"
    base64 <"$file" | tr -d '\n'
    echo
  fi
done
echo "end $code"
