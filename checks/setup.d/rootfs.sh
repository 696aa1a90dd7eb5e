# shellcheck shell=bash
# The userland of the test hosts: Debian's, small, made by mmdebstrap, never written to after it is made (every host has
# its own overlay).

# The same on every machine where it can be had: then the tests see the same systemd on Debian 12 and 13.
rootfs_suite=trixie
# busybox-static is the only /bin/sh of Nix's build sandbox on a host, and the web client of probes; sudo is for hosts that root does not log in to.
rootfs_packages=systemd,systemd-sysv,dbus,openssh-server,iproute2,busybox-static,sudo

# Made by another recipe is as good as not made: the recipe is this file, and the prefix is a mount point in the tree.
rootfs_stamp() {
  { cat "$repo/checks/setup.d/rootfs.sh" && echo "$INFRA_NIX_PREFIX"; } | sha256sum
}

rootfs_ready() {
  [ -e "$INFRA_LAB/rootfs/usr/lib/systemd/systemd" ] &&
    [ "$(cat "$INFRA_LAB/rootfs.stamp" 2>/dev/null)" = "$(rootfs_stamp)" ]
}

rootfs_do() {
  local suite
  for suite in "$rootfs_suite" "$(own_suite)"; do
    echo "--- userland of $suite"
    if bash "$repo/checks/setup.d/in-step.sh" rootfs_from "$suite"; then
      return
    fi
    echo "--- $suite did not work out"
  done
  return 1
}

# rootfs_from SUITE
rootfs_from() {
  local new="$INFRA_LAB/rootfs.new" old="$INFRA_LAB/rootfs.old"
  as_root rm -rf --one-file-system "$new" "$old" "$INFRA_LAB/rootfs.stamp"
  mkdir -p "$INFRA_LAB"
  rootfs_bootstrap "$1" "$new"
  rootfs_finish "$new"
  [ ! -e "$INFRA_LAB/rootfs" ] || as_root mv -T "$INFRA_LAB/rootfs" "$old"
  as_root mv -T "$new" "$INFRA_LAB/rootfs"
  rootfs_stamp >"$INFRA_LAB/rootfs.stamp"
  as_root rm -rf --one-file-system "$old"
}

# In a mount namespace of its own: if this is killed, the /proc and /dev that mmdebstrap mounts go with it, and the next
# run can remove the directory without meeting them.
rootfs_bootstrap() {
  local source options="$INFRA_LAB/rootfs.apt"
  source=$(source_line "$1")
  rootfs_apt_options >"$options"
  as_root unshare --mount --propagation private -- mmdebstrap --mode=root --variant=essential --format=directory \
    --include="$rootfs_packages" --aptopt="$options" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/bash-completion/*' \
    "$1" "$2" "$source"
  rm -f "$options"
}

# mmdebstrap does not read the machine's apt configuration, and a proxy or a wrong clock is the machine's to know about.
rootfs_apt_options() {
  apt-config dump | grep -E '^Acquire::(https?|ftp|Check-|Retries|ForceIPv|Max-)' || true
  echo 'Acquire::Languages "none";'
  echo 'Acquire::Retries "3";'
  echo 'APT::Sandbox::User "root";'
}

# Host keys made by the package would be the same on every test host; the mount points must exist, as the tree is
# mounted read-only.
rootfs_finish() {
  as_root rm -rf "$1"/etc/ssh/ssh_host_* "$1"/var/lib/apt/lists "$1"/var/cache/apt "$1"/var/log/dpkg.log
  as_root mkdir -p "$1/nix" "$1$INFRA_NIX_PREFIX" "$1/var/lib/apt/lists" "$1/var/cache/apt"
  as_root truncate -s 0 "$1/etc/machine-id"
}
