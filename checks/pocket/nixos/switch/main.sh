
# ---- main.sh: the four actions

# This link is the boot default of machines without a boot loader of ours: what starts them (another installer, a
# hypervisor, a test's host) reads it. It is below /nix because that outlives a root file system made anew at each boot,
# and in gcroots because the default must not be collected.
boot_default=/nix/var/nix/gcroots/pocket-boot-default

usage() {
  cat >&2 <<EOF
Usage: $0 [switch|boot|test|dry-activate]

switch:       make the configuration the boot default and activate now
boot:         make the configuration the boot default
test:         activate the configuration, but don't make it the boot default
dry-activate: show what would be done if this configuration were activated
EOF
  exit 1
}

# The boot loader first: where it fails, nothing may say that the default has moved.
set_boot_default() {
  [ -z "$install_boot_loader" ] || "$install_boot_loader" "$toplevel" 9>&- || {
    tell "error: the boot loader was not installed; see the messages above. $toplevel is not the boot default"
    exit 1
  }
  mkdir -p "${boot_default%/*}" && ln -sfn "$toplevel" "$boot_default.new" && mv -fT "$boot_default.new" "$boot_default" || {
    tell "error: cannot make $toplevel the boot default ($boot_default)"
    exit 1
  }
}

lock() {
  mkdir -p $lists
  exec 9>$lists/switch-to-configuration.lock
  "$flock" -n 9 || { tell "error: another switch-to-configuration is running on this machine"; exit 1; }
}

has_systemd() { [ -d /run/systemd/system ] && "$systemctl" show-environment >/dev/null 2>&1; }

dry_activate() {
  local unit
  if has_systemd; then
    read_units
    plan_running
    load_lists
    tell_units "would stop the following units:" "${!stop[@]}"
    tell_units "would NOT restart the following changed units:" "${!skip[@]}"
  fi
  tell "would activate the configuration..."
  "$toplevel/dry-activate" >&2 || result=2
  if has_systemd; then
    find_pulled
    for unit in "${pulled[@]}"; do start[$unit]=1; done
    tell_units "would reload the following units:" "${!reload[@]}"
    tell_units "would restart the following units:" "${!restart[@]}"
    tell_units "would start the following units:" "${!start[@]}"
  fi
  exit $result
}

activate() {
  tell "activating the configuration..."
  "$toplevel/activate" 9>&- || { tell "error: activation failed; see the messages above"; result=2; }
}

# What reads its files rather than keeping them in a running process needs no word; systemd does.
apply() {
  local unit
  if ! has_systemd; then
    activate
    tell "no systemd is running here: units are installed, and none was started or stopped"
    exit $result
  fi
  read_units
  for unit in "${!active[@]}"; do first_active[$unit]=1; done
  for unit in "${!failed_before[@]}"; do first_failed[$unit]=1; done
  plan_running
  load_lists
  save_lists
  stop_units
  tell_units "NOT restarting the following changed units:" "${!skip[@]}"
  activate
  reexec_systemd
  for unit in "${!failed_before[@]}"; do
    if [ -n "$(unit_file "$new_units" "$unit")" ]; then "$systemctl" reset-failed -- "$unit" 2>/dev/null || true; fi
  done
  "$systemctl" daemon-reload || result=2
  run_units
  drop_lists
  report
  exit $result
}

declare -A first_active=() first_failed=()
action=${1:-}
result=0
old_units=$(readlink -f /run/current-system 2>/dev/null)/etc/systemd/system
new_units=$toplevel/etc/systemd/system
export NIXOS_ACTION=$action

[ $# = 1 ] || usage
[ "$(id -u)" = 0 ] || { tell "error: $0 must be run as root"; exit 1; }
case $action in
  boot) lock; set_boot_default ;;
  switch) lock; set_boot_default; apply ;;
  test) lock; apply ;;
  dry-activate) dry_activate ;;
  *) usage ;;
esac
