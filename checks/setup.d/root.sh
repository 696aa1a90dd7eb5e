# shellcheck shell=bash
# Becoming root, only for the commands that need it.

# as_root COMMAND...
as_root() {
  if [ "$EUID" -eq 0 ]; then "$@"; else sudo -- "$@"; fi
}

# Asks for the password once, in the foreground: the steps run in the background and could not.
require_root() {
  [ "$EUID" -ne 0 ] || return 0
  command -v sudo >/dev/null || fail "this needs root" \
    "you are $(id -un), and there is no sudo on this machine" "run it as root"
  if [ -t 0 ]; then
    sudo -v || fail "this needs root" "sudo refused $(id -un)" "run it as root"
  else
    sudo -n true 2>/dev/null || fail "this needs root" \
      "sudo wants a password for $(id -un), and there is no terminal to ask on" "run it as root, or from a terminal"
  fi
}
