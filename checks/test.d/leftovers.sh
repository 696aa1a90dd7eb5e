# shellcheck shell=bash
# What tests with real hosts may leave on a machine, and must not: processes, networks, mounts, control groups.

# Everything of a kind that labs make, and that belongs to no lab of somebody else: a lab's tag (lab<pid>x<number>) names
# the process that owns it, and one that lives without our mark is not ours.
leftover_candidates() {
  local line foreign
  foreign=$(labs_elsewhere)
  {
    find /run/netns /run/systemd/nspawn/propagate "$INFRA_LAB/run" -mindepth 1 -maxdepth 1 -name 'lab[0-9]*' 2>/dev/null || true
    find /sys/fs/cgroup -maxdepth 2 -type d -name 'infra-lab[0-9]*' 2>/dev/null || true
    awk -v lab="$INFRA_LAB/" 'index($5, lab) == 1 { print "mount " $5 }' /proc/self/mountinfo
  } | while read -r line; do
    if [[ $line =~ lab([0-9]+)x[0-9a-f]+ ]] &&
      { owned_by_others "${BASH_REMATCH[1]}" || is_held "${BASH_REMATCH[0]}" || grep -qxF "${BASH_REMATCH[0]}" <<<"$foreign"; }; then continue; fi
    echo "$line"
  done
}

# The labs of another container that shares this machine's control groups: its processes have no number here, so they
# read as 0, and the one in the tag means nothing.
labs_elsewhere() {
  find /sys/fs/cgroup -path '*/infra-lab[0-9]*' -name cgroup.procs -exec grep -lx 0 {} + 2>/dev/null |
    grep -oE 'lab[0-9]+x[0-9a-f]+' | sort -u || true
}

# Whether a lab's owner lives, by the lock that it holds: it may be in another container that sees this folder, where the
# number in the tag is that of nobody here. One of ours is told by its process. Asked under the registry's lock: a lab that
# is just being made would find its own one taken by us.
is_held() { # TAG
  local lock=$INFRA_LAB/run/$1/owner.lock number=${1#lab}
  [ -e "$lock" ] && ! is_marked "${number%%x*}" &&
    ! flock "$INFRA_LAB/run/registry.lock" flock --nonblock "$lock" true
}

owned_by_others() {
  [ -d "/proc/$1" ] && ! is_marked "$1"
}

is_marked() {
  grep -qzFx "INFRA_RUN_MARK=$INFRA_RUN_MARK" "/proc/$1/environ" 2>/dev/null
}

# Processes that this run has started carry its mark in their environment. Not this script, and not its own parents.
marked_processes() {
  local dir pid
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    if [ "$pid" -ne "$BASHPID" ] && is_marked "$pid"; then
      printf 'process %s: %s\n' "$pid" "$(tr '\0' ' ' <"$dir/cmdline" 2>/dev/null)"
    fi
  done
}

leftovers_before() {
  leftover_candidates | sort >"$work/leftovers.before"
}

# What is torn down in the background gets a moment; what stays has leaked.
leftovers_now() {
  local left
  for _ in 1 2 3 4 5 6; do
    left=$({ comm -13 "$work/leftovers.before" <(leftover_candidates | sort) && marked_processes; })
    if [ -z "$left" ]; then
      return 0
    fi
    sleep 0.5
  done
  echo "the tests have left behind:"
  printf '%s\n' "$left"
  return 1
}
