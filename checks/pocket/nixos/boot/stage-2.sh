#!@shell@
# Stage 2, $toplevel/init: process 1 of a machine that is pocket's own, from stage 1 or in a container. Gives Debian's
# systemd the few paths it was compiled with, activates the system, and becomes systemd.
export PATH=@path@
systemConfig=@out@
systemd=@systemd@
dbus=@dbus@

echo "stage 2: $systemConfig"
mounted() { mountpoint -q "$1" 2>/dev/null || grep -q " $1 " /proc/mounts 2>/dev/null; }
mkdir -p /proc /sys /dev /run /tmp /etc /var/log /var/lib /usr/lib /nix/var/nix/gcroots
[ -e /proc/self ] || mount -t proc proc /proc
[ -d /sys/kernel ] || mount -t sysfs sysfs /sys
mounted /dev || [ -e /dev/null ] || mount -t devtmpfs devtmpfs /dev
mounted /run || mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /run
mount -o remount,rw / 2>/dev/null || true

# systemd, its units and helpers look for each other at these places; PID 1 cannot be told otherwise.
ln -sfn "$systemd/lib/systemd" /usr/lib/systemd
ln -sfn "$systemd/lib/udev" /usr/lib/udev
for folder in tmpfiles.d sysctl.d modules-load.d; do
  [ ! -d "$systemd/lib/$folder" ] || ln -sfn "$systemd/lib/$folder" "/usr/lib/$folder"
done
[ -e /lib ] || ln -sfn usr/lib /lib
for folder in systemd udev; do [ -e "/lib/$folder" ] || ln -sfn "/usr/lib/$folder" "/lib/$folder"; done
ln -sfn /run/booted-system/kernel-modules/lib/modules /lib/modules
mkdir -p /usr/bin /usr/sbin /bin /sbin /usr/share
# Thousands of links take an emulated machine seconds, so they are made once for the same packages; what says so comes to the disk
# after them. busybox is the first package, so that what it has in common with the others is theirs in the end.
packages="@packages@ $dbus $systemd"
if [ "$(cat /usr/share/pocket-packages 2>/dev/null)" != "$packages" ]; then
  for folder in /bin /sbin /usr/bin /usr/sbin; do
    for package in $packages; do ln -sfn "$package"/bin/* "$folder/"; done
  done
  mkdir -p /usr/share/dbus-1
  for package in $systemd $dbus; do cp -r "$package/share/dbus-1/." /usr/share/dbus-1/; done
  sync -f /usr/share
  echo "$packages" >/usr/share/pocket-packages
fi

ln -sfn "$systemConfig" /run/booted-system
[ -s /etc/machine-id ] || "$systemd/bin/systemd-machine-id-setup" >/dev/null 2>&1 || : >/etc/machine-id
if [ -s /etc/hostname ]; then hostname -F /etc/hostname; fi

"$systemConfig/activate" || echo "stage 2: activation failed; starting anyway, so that the machine can be reached" >&2

# For this boot only, and with less weight than anything in /etc: the target, the network, and the bus.
mkdir -p /run/systemd/system/multi-user.target.wants /run/systemd/system/sockets.target.wants
for unit in dbus.service dbus.socket; do ln -sfn "$dbus/lib/systemd/system/$unit" /run/systemd/system/$unit; done
ln -sfn ../dbus.socket /run/systemd/system/sockets.target.wants/dbus.socket
ln -sfn "$systemd/lib/systemd/system/@defaultUnit@" /run/systemd/system/default.target
ln -sfn "$systemd/lib/systemd/system/systemd-networkd.service" /run/systemd/system/multi-user.target.wants/systemd-networkd.service

mkdir -p /run/systemd/network
[ ! -e /etc/pocket/99-dhcp.network ] || ln -sfn /etc/pocket/99-dhcp.network /run/systemd/network/99-dhcp.network

echo "stage 2: starting systemd"
exec env -i ${container:+container="$container"} PATH=/run/current-system/sw/bin "$systemd/lib/systemd/systemd" "$@"
