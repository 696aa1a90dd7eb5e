
# ---- apply.sh: doing what the plan says, and telling it in nixpkgs' words

tell() { printf '%s\n' "$*" >&2; }
tell_units() { # TEXT UNIT...
  local text=$1
  shift
  [ $# = 0 ] || tell "$text $(names "$@")"
}

lists=/run/nixos

# What is still to be done is on disk before the links change, so that a switch that was cut off is finished by the next.
save_lists() {
  sorted "${!start[@]}" >$lists/start-list
  sorted "${!restart[@]}" >$lists/restart-list
  sorted "${!reload[@]}" >$lists/reload-list
}
load_list() { # FILE MAP
  local -n map=$2
  local unit
  [ -e "$1" ] || return 0
  while read -r unit; do
    if [ -n "$unit" ] && [ -n "$(unit_file "$new_units" "$unit")" ]; then map[$unit]=1; fi
  done <"$1"
}
load_lists() {
  load_list $lists/start-list start
  load_list $lists/restart-list restart
  load_list $lists/reload-list reload
}
drop_lists() { rm -f $lists/start-list $lists/restart-list $lists/reload-list $lists/activation-restart-list $lists/activation-reload-list; }

# Process 1 is replaced only where it is pocket's own.
reexec_systemd() {
  local running
  running=$(readlink -f /proc/1/exe 2>/dev/null) || return 0
  case $running in
    /nix/store/*/lib/systemd/systemd) [ "$running" = "$(readlink -f "$toplevel/systemd/lib/systemd/systemd")" ] || { tell "restarting systemd..."; "$systemctl" daemon-reexec; } ;;
  esac
}

stop_units() {
  [ ${#stop[@]} -gt 0 ] || return 0
  tell_units "stopping the following units:" "${!stop[@]}"
  "$systemctl" stop -- "${!stop[@]}" || true
}

run_units() {
  local unit
  load_list $lists/activation-restart-list restart
  load_list $lists/activation-reload-list reload
  for unit in "${!reload[@]}"; do if [ -n "${restart[$unit]:-}${start[$unit]:-}" ]; then unset "reload[$unit]"; fi; done
  for unit in "${!restart[@]}"; do if [ -n "${start[$unit]:-}" ]; then unset "restart[$unit]"; fi; done

  if [ ${#reload[@]} -gt 0 ]; then
    tell_units "reloading the following units:" "${!reload[@]}"
    "$systemctl" reload -- "${!reload[@]}" || result=4
  fi
  if [ ${#restart[@]} -gt 0 ]; then
    tell_units "restarting the following units:" "${!restart[@]}"
    "$systemctl" restart -- "${!restart[@]}" || result=4
  fi
  # First what was running, by name; then what the targets want besides.
  if [ ${#start[@]} -gt 0 ]; then
    tell_units "starting the following units:" "${!start[@]}"
    "$systemctl" start -- "${!start[@]}" || result=4
  fi
  read_units
  find_pulled
  if [ ${#pulled[@]} -gt 0 ]; then "$systemctl" start -- "${pulled[@]}" || result=4; fi
}

# A service of Type=simple counts as started before it has done anything; give it a moment to fail.
settle() {
  [ $((${#start[@]} + ${#restart[@]} + ${#pulled[@]})) -gt 0 ] || return 0
  sleep 0.3
}

# Waiting for its next attempt after a failure is a failure too.
is_retrying() { # UNIT
  local properties
  properties=$("$systemctl" show -p SubState -p ExecMainStatus -- "$1" 2>/dev/null)
  [[ $properties == *SubState=auto-restart* && $properties != *ExecMainStatus=0* ]]
}

report() {
  local unit new=() failed=()
  local -A before=() old_failed=()
  for unit in "${!first_active[@]}"; do before[$unit]=1; done
  for unit in "${!first_failed[@]}"; do old_failed[$unit]=1; done
  settle
  read_units
  for unit in "${!failed_before[@]}"; do # now: those that have failed
    if [ -z "${old_failed[$unit]:-}" ] || [ -n "$(unit_file "$new_units" "$unit")" ]; then failed+=("$unit"); fi
  done
  for unit in "${!active[@]}"; do
    [ -n "$(unit_file "$new_units" "$unit")" ] || continue
    if [ "${active[$unit]}" = activating ] && is_retrying "$unit"; then failed+=("$unit"); continue; fi
    [ -n "${before[$unit]:-}${start[$unit]:-}${restart[$unit]:-}" ] || new+=("$unit")
  done
  tell_units "the following new units were started:" "${new[@]}"
  [ ${#failed[@]} -gt 0 ] || return 0
  tell_units "warning: the following units failed:" "${failed[@]}"
  "$systemctl" status --no-pager --full --lines=10 -- "${failed[@]}" >&2 || true
  result=4
}
