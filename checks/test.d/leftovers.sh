# shellcheck shell=bash
# What tests with real hosts may leave on a machine, and must not: processes, networks, mounts, control groups.

# Everything of a kind that the tests make. The network namespaces and mounts of the tests are in mount namespaces of
# their own, so a line that shows up here has escaped.
leftover_candidates() {
  find /run/netns -mindepth 1 -maxdepth 1 -name 'infra*' -printf 'network namespace %f\n' 2>/dev/null || true
  find /sys/fs/cgroup -maxdepth 2 -type d -name 'infra*' -printf 'control group %p\n' 2>/dev/null || true
  awk -v lab="$INFRA_LAB" '$5 ~ "^/run/netns/infra" || index($5, lab) == 1 { print "mount " $5 }' /proc/self/mountinfo
  find /run/systemd/nspawn/propagate -mindepth 1 -maxdepth 1 -name 'infra*' -printf 'nspawn folder %p\n' 2>/dev/null || true
  find "$INFRA_LAB/run" -mindepth 1 -maxdepth 1 -printf 'state of a lab %p\n' 2>/dev/null || true
}

# Processes that this run has started carry its mark in their environment. Not this script, and not its own parents.
marked_processes() {
  local dir pid
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    if [ "$pid" -ne "$BASHPID" ] && grep -qzFx "INFRA_RUN_MARK=$INFRA_RUN_MARK" "$dir/environ" 2>/dev/null; then
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
