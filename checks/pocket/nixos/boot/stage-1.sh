#!/bin/sh
# Stage 1, run by the kernel from the initrd: load modules, mount the root file system and what else must be there, hand
# over to the system's init. The words of the kernel command line: init=PATH, root=DEVICE, boot.shell_on_fail, boot.panic_on_fail.
export PATH=/bin

fail() {
  echo "stage 1: $*"
  if [ -n "$shell_on_fail" ]; then echo "starting a shell; leave it to restart the machine"; setsid cttyhack sh; fi
  if [ -n "$panic_on_fail" ]; then sleep 1; reboot -f; fi
  echo "the machine restarts in 30 seconds (boot.shell_on_fail on the kernel command line gives a shell)"
  sleep 30
  reboot -f
}
say() { [ -z "@verbose@" ] || echo "stage 1: $*"; }

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t tmpfs -o mode=0755 tmpfs /run

init='' root='' shell_on_fail='' panic_on_fail=''
for word in $(cat /proc/cmdline); do
  case $word in
    init=*) init=${word#init=} ;;
    root=*) root=${word#root=} ;;
    boot.shell_on_fail) shell_on_fail=1 ;;
    boot.panic_on_fail) panic_on_fail=1 ;;
  esac
done
[ -n "$init" ] || fail "no init=/nix/store/...-nixos-system-.../init on the kernel command line"

say "loading modules"
for module in @modules@; do modprobe -q "$module" 2>/dev/null; done

# udev is not there yet: labels and UUIDs are asked of the devices themselves.
resolve() {
  case $1 in
    /dev/disk/by-label/*) findfs "LABEL=${1#/dev/disk/by-label/}" ;;
    /dev/disk/by-uuid/*) findfs "UUID=${1#/dev/disk/by-uuid/}" ;;
    LABEL=* | UUID=*) findfs "$1" ;;
    *) [ -e "$1" ] && echo "$1" ;;
  esac 2>/dev/null
}

wait_for() {
  left=300
  while [ $left -gt 0 ]; do
    device=$(resolve "$1") && [ -n "$device" ] && return 0
    left=$((left - 1))
    sleep 0.1
  done
  fail "no device $1 within 30 seconds; there are: $(awk 'NR > 2 { print $4 }' /proc/partitions | tr '\n' ' ')"
}

while read -r source point type options; do
  [ -n "$source" ] || continue
  if [ "$point" = / ] && [ -n "$root" ]; then source=$root; fi
  device=$source
  case $type in
    tmpfs | overlay | none) ;;
    9p | virtiofs) ;; # named by tag
    *) wait_for "$source" ;;
  esac
  case ,$options, in *,bind,*) device=/mnt-root$source ;; esac
  say "mounting $source on $point"
  mkdir -p "/mnt-root$point"
  if [ "$type" = auto ]; then set --; else set -- -t "$type"; fi
  mount "$@" -o "$options" "$device" "/mnt-root$point" || fail "cannot mount $source on $point"
done <<'MOUNTS'
@mounts@
MOUNTS

[ -e "/mnt-root$init" ] || [ -L "/mnt-root$init" ] || fail "there is no $init on the root file system"
for point in proc sys dev run; do
  mkdir -p "/mnt-root/$point"
  mount --move "/$point" "/mnt-root/$point"
done
say "starting $init"
exec switch_root /mnt-root "$init"
