# shellcheck shell=bash
# Where things are. Sourced by every script in checks/, so that all of them mean the same places.
#
#   repo              this checkout
#   INFRA_LAB         everything a development machine needs and may throw away (see INFRA_LAB in checks/setup --help)
#   INFRA_NIX_PREFIX  the self-contained Nix

# shellcheck disable=SC2034  # used by whoever sources this
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

# A HOME that is unset, missing or read-only is ordinary in CI and for system users.
default_lab() {
  if [ -n "${XDG_CACHE_HOME:-}" ]; then
    echo "$XDG_CACHE_HOME/infra-lab"
  elif [ -d "${HOME:-}" ] && [ -w "$HOME" ]; then
    echo "${HOME%/}/.cache/infra-lab"
  else
    echo /var/cache/infra-lab
  fi
}

# Relative paths would mean another place in every directory, and Nix and systemd-nspawn refuse them.
require_absolute() {
  case ${!1} in
    /*) ;;
    *)
      echo "error: $1 is \"${!1}\", which is not an absolute path" >&2
      echo "  fix: unset $1, or set it to a path that begins with /" >&2
      exit 2
      ;;
  esac
}

export INFRA_LAB="${INFRA_LAB:-$(default_lab)}"
export INFRA_NIX_PREFIX="${INFRA_NIX_PREFIX:-/opt/infra/nix}"
require_absolute INFRA_LAB
require_absolute INFRA_NIX_PREFIX

# The opening comment of a script is its help: one text, next to the code it describes.
print_help() {
  awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$1"
}
