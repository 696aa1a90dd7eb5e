# shellcheck shell=bash
# The rest of the lab: a mount point, a Nix configuration of its own, and the staged stand-in packages.

# Nothing of the machine's: no substituters, no registry, no build users; and a sandbox that fails loudly.
lab_conf() {
  cat <<'CONF'
experimental-features = nix-command flakes
substituters =
flake-registry =
build-users-group =
sandbox = true
sandbox-fallback = false
sandbox-paths = /bin/sh=/bin/busybox
trusted-users = root
allow-import-from-derivation = false
warn-dirty = false
connect-timeout = 5
CONF
}

conf_ready() {
  [ "$(cat "$INFRA_LAB/nix.conf.d/nix.conf" 2>/dev/null)" = "$(lab_conf)" ]
}

lab_conf_do() {
  mkdir -p "$INFRA_LAB/nix.conf.d"
  lab_conf >"$INFRA_LAB/nix.conf.d/nix.conf.new"
  mv "$INFRA_LAB/nix.conf.d/nix.conf.new" "$INFRA_LAB/nix.conf.d/nix.conf"
}

mount_point_do() {
  as_root mkdir -p /nix
}

# The stand-in flake's own script knows what it needs; it is run again when anything of it has changed.
pocket_stamp() {
  (cd "$repo/checks/pocket" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
}

# The packages themselves are in the store, which may have been thrown away on its own.
pocket_ready() {
  [ -d "$INFRA_LAB/pocket" ] && [ -d "$INFRA_LAB/store/var/nix/gcroots/pocket" ] &&
    [ "$(cat "$INFRA_LAB/pocket.stamp" 2>/dev/null)" = "$(pocket_stamp)" ]
}

pocket_do() {
  rm -f "$INFRA_LAB/pocket.stamp"
  "$repo/checks/with-store" "$repo/checks/pocket/stage"
  pocket_stamp >"$INFRA_LAB/pocket.stamp"
}
