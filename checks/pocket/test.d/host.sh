# shellcheck shell=bash
# A throw-away host: a systemd in a container, without a network but loopback. It sees the store of this run read-only, so
# nothing needs to be copied; everything it writes is gone with it.

host_cgroups() {
  if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    echo "/sys/fs/cgroup/$tag"
  else
    local tree
    for tree in systemd unified; do [ ! -d /sys/fs/cgroup/$tree ] || echo "/sys/fs/cgroup/$tree/$tag"; done
  fi
}

# Process 1 of the container: the only child of nspawn, once it has become systemd.
host_leader() {
  local child
  child=$(awk '{ print $1 }' "/proc/$nspawn/task/$nspawn/children" 2>/dev/null) || return 1
  [ -n "$child" ] && [ "$(cat "/proc/$child/comm" 2>/dev/null)" = systemd ] && echo "$child"
}

on_host() {
  local leader
  leader=$(host_leader) || { echo "the host is not running" >&2; return 125; }
  nsenter -t "$leader" -m -u -i -n -p -r -w env -i HOME=/root TERM=dumb PATH=/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# A control group of its own: hosts started from the same one would manage each other's processes.
host_up() { # NSPAWN-ARGUMENT...
  local tries state group
  for group in $(host_cgroups); do mkdir -p "$group"; done
  # The userland brings none: a key made with it would be that of every test host.
  [ -e "$work/hostkey" ] || ssh-keygen -q -t ed25519 -N '' -C "$tag" -f "$work/hostkey"
  (
    for group in $(host_cgroups); do echo "$BASHPID" >"$group/cgroup.procs"; done
    exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn -q --register=no --keep-unit --private-network --bind-ro=/nix/store \
      --tmpfs=/nix/var --bind-ro="$work/hostkey:/etc/ssh/ssh_host_ed25519_key" --hostname=before --machine="$tag" --resolv-conf=off --timezone=off --link-journal=no --console=pipe "$@"
  ) </dev/null >"$work/nspawn.log" 2>&1 &
  nspawn=$!
  for ((tries = 0; tries < 600; tries++)); do
    state=$(on_host systemctl is-system-running 2>/dev/null) || true
    case $state in running | degraded) return 0 ;; esac
    kill -0 "$nspawn" 2>/dev/null || break
    sleep 0.05
  done
  echo "the test host did not start (state: ${state:-none}):" >&2
  cat "$work/nspawn.log" >&2
  return 1
}

host_down() {
  local leader group tries kept lock
  [ -n "${nspawn:-}" ] || return 0
  leader=$(host_leader || true)
  kill -KILL "$nspawn" 2>/dev/null || true
  [ -z "$leader" ] || kill -KILL "$leader" 2>/dev/null || true
  wait "$nspawn" 2>/dev/null || true
  for group in $(host_cgroups); do
    for ((tries = 0; tries < 100; tries++)); do
      find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [ -d "$group" ] || break
      sleep 0.05
    done
  done
  # A killed nspawn leaves these behind, and refuses to start with the second (systemd 257: a mount point).
  for kept in propagate unix-export; do
    umount -l "/run/systemd/nspawn/$kept/$tag" 2>/dev/null || true
    rmdir "/run/systemd/nspawn/$kept/$tag" 2>/dev/null || true
  done
  # Its lock on a root file system that only this run has. Others may be using the shared one.
  lock=$(own_lock)
  [ -z "$lock" ] || rm -f "$lock"
  nspawn=''
}

# nspawn's lock on our own machine, by device and inode of its root.
own_lock() {
  [ ! -d "$work/root" ] || stat -c '/run/systemd/nspawn/locks/inode-%d:%i' "$work/root"
}

# Debian's own userland, as a machine that infra takes over.
debian_up() { # ARGUMENT-OF-SYSTEMD...
  [ -d "$INFRA_LAB/rootfs" ] || { echo "there is no $INFRA_LAB/rootfs; checks/setup lab makes it" >&2; return 1; }
  host_up --directory="$INFRA_LAB/rootfs" --volatile=overlay "${bound[@]}" --boot "$@"
}

# An empty root file system and the system's own stage 2: a machine that is pocket's own.
own_up() { # SYSTEM
  rm -rf "$work/root"
  mkdir -p "$work/root/usr" "$work/root/nix/store"
  host_up --directory="$work/root" "$1/init"
}
