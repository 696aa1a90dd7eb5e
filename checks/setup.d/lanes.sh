# shellcheck shell=bash
# Two things at a time: downloads wait for the network and compilers for the processor, so they can share the time.

lanes=()

# side_by_side FUNCTION FUNCTION: waits for both; the first that fails ends the other. Each is a process group of its own,
# so that ending one ends whatever it has started. Functions report failure by their status: errexit does not reach them.
side_by_side() {
  local status=0
  set -m
  "$1" &
  lanes=($!)
  "$2" &
  lanes+=($!)
  set +m
  first_failure || status=$?
  stop_lanes
  return "$status"
}

# By looking: "wait -n" misses a lane that ended before it was called, which a lane with nothing to do does.
first_failure() {
  local lane running=("${lanes[@]}") still
  while [ ${#running[@]} -gt 0 ]; do
    still=()
    for lane in "${running[@]}"; do
      if kill -0 "$lane" 2>/dev/null; then
        still+=("$lane")
      else
        wait "$lane" || return
      fi
    done
    running=("${still[@]}")
    [ ${#running[@]} -eq 0 ] || sleep 0.1
  done
}

# Also for the caller's exit trap: a terminal's Ctrl-C reaches the caller's process group only. Returns when all of the
# lanes' processes have ended, not only their leaders: mmdebstrap, for one, still has to clean up.
stop_lanes() {
  local lane
  for lane in "${lanes[@]}"; do
    ! signal_lane 0 "$lane" || end_lane "$lane"
  done
  lanes=()
  wait
}

signal_lane() {
  as_root kill "-$1" -- "-$2" 2>/dev/null
}

end_lane() {
  signal_lane TERM "$1" || return 0
  for _ in {1..100}; do
    signal_lane 0 "$1" || return 0
    sleep 0.1
  done
  signal_lane KILL "$1" || true # ended just now
}
