# shellcheck shell=bash
# Which Nix there is, and making one usable for this machine's users.

nix_oldest=2.18        # what infra supports; the lab's own prefix is newer (prefix.sh)

# nix_version "nix (Nix) 2.34.8" -> 2.34. Also "nix (Lix, like Nix) 2.91.1", "nix (Determinate Nix 3.8.5) 2.30.2" and
# "nix (Nix) 2.32.0pre20250919_0a1b2c3"; nothing for a text that is none of these.
nix_version() {
  sed -nE '1s/^nix \([^)]*\) ([0-9]+)\.([0-9]+).*/\1.\2/p' <<<"$1"
}

# version_at_least HAVE WANTED, both MAJOR.MINOR
version_at_least() {
  local have_major=${1%%.*} have_minor=${1#*.} want_major=${2%%.*} want_minor=${2#*.}
  ((have_major > want_major || (have_major == want_major && have_minor >= want_minor)))
}

# nix_usable COMMAND OLDEST: it runs, and is recent enough
nix_usable() {
  local version
  version=$(nix_version "$("$1" --version 2>/dev/null)")
  [ -n "$version" ] && version_at_least "$version" "$2"
}

# The machine's own Nix: the first in PATH, unless it is a link to the prefix (then it is ours).
machine_nix() {
  local found
  found=$(type -P nix) || return 1
  [ "$(readlink -f "$found")" != "$(readlink -f "$INFRA_NIX_PREFIX/bin/nix")" ] || return 1
  nix_usable "$found" "$nix_oldest" || return 1
  echo "$found"
}

link_dir=/usr/local/bin

# missing_links -> names of the prefix's commands that are not in link_dir. What stands there already is left alone.
missing_links() {
  local name
  for name in nix nix-build nix-channel nix-collect-garbage nix-copy-closure nix-daemon nix-env nix-hash \
    nix-instantiate nix-prefetch-url nix-shell nix-store; do
    [ -e "$link_dir/$name" ] || [ -L "$link_dir/$name" ] || echo "$name"
  done
}

links_do() {
  local name
  as_root mkdir -p "$link_dir"
  for name in $(missing_links); do
    as_root ln -sn "$INFRA_NIX_PREFIX/bin/$name" "$link_dir/$name"
  done
  nix_usable "$link_dir/nix" "$nix_oldest" || {
    echo "$link_dir/nix is not the Nix just installed, and is too old or does not run"
    echo "fix: remove it, or put $INFRA_NIX_PREFIX/bin before $link_dir in PATH"
    return 1
  }
}

machine_conf=/etc/nix/nix.conf

# Only for a machine without one. Debian's Nix looks for a shell that the prefix does not bring, hence sandbox-paths.
conf_do() {
  as_root mkdir -p "$(dirname "$machine_conf")"
  as_root tee "$machine_conf" >/dev/null <<CONF
# Written by infra's checks/setup, which leaves it alone from now on.
experimental-features = nix-command flakes
build-users-group =
sandbox = true
sandbox-paths = /bin/sh=/bin/busybox
CONF
}

# A single-user Nix owns its store: root's on a root machine, else that of the person who runs this. A store that is
# there already is somebody's, and stays theirs.
store_ready() {
  [ -e /nix/store ] || { [ -d /nix ] && [ -w /nix ]; }
}

store_do() {
  as_root install -d -m 755 -o "$(id -u)" -g "$(id -g)" /nix
}
