# shellcheck shell=bash
# Two things at a time: downloads wait for the network and compilers for the processor, so they can share the time.

lanes=()

# side_by_side FUNCTION FUNCTION: waits for both; the first that fails ends the other. Each is a process group of its own,
# so that ending one ends whatever it has started. Functions report failure by their status: errexit does not reach them.
side_by_side() {
  local first other status=0
  set -m
  "$1" &
  lanes=($!)
  "$2" &
  lanes+=($!)
  set +m
  # By name: a lane that has ended already is no longer found by a plain "wait -n".
  wait -n -p first "${lanes[@]}" || status=$?
  other=${lanes[0]}
  [ "$other" != "$first" ] || other=${lanes[1]}
  [ "$status" -ne 0 ] || wait "$other" || status=$?
  stop_lanes
  return "$status"
}

# Also for the caller's exit trap: a terminal's Ctrl-C reaches the caller's process group only.
stop_lanes() {
  local lane
  for lane in "${lanes[@]}"; do
    ! kill -0 -- "-$lane" 2>/dev/null || as_root kill -TERM -- "-$lane" 2>/dev/null || true # gone in between
  done
  lanes=()
  wait
}
