# The first process of a plain host: makes the overlay at $ROOT its root, starts sshd, and then
# only collects processes whose parent has ended.
set -eu
hostname "$HOSTNAME"
cd "$ROOT"
mkdir -p old proc sys dev run tmp
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=0755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=0755 dev dev
mkdir dev/pts dev/shm run/sshd
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for node in null zero full random urandom tty; do
  : > "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
ln -s /proc/self/fd dev/fd
for n in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${n%%:*}" "dev/${n#*:}"; done

# A binding to the old root would keep the machine's mounts, other labs' among them, alive.
pivot_root . old
cd /
umount --lazy /old
rmdir /old

# Every boot has an id of its own, as on a machine; the kernel's is that of the machine. The kernel
# lets nobody without a full view of /proc mount another (Nix's build sandbox does), and the file
# mounted over the id spoils the view; so a second, whole one is kept aside.
mkdir -p /run/host/proc
mount -t proc proc /run/host/proc
cat /proc/sys/kernel/random/uuid > /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id

/usr/local/lib/infra-lab/boot-system > /run/boot-system.log 2>&1 || true
env -i PATH=/usr/sbin:/usr/bin /usr/sbin/sshd -E /run/sshd.log
until [ -e /run/sshd.pid ]; do sleep 0.01; done
: > /run/infra-lab-ready

# A new shell, so that this script's file, which is on the old root, is let go.
exec </dev/null >/dev/null 2>&1
exec /bin/bash -c 'trap "exit 0" TERM; while :; do sleep 3600 & wait; done'
