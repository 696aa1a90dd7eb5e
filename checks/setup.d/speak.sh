# shellcheck shell=bash
# What the set-up says: progress with the seconds since it began, and errors that name thing, cause and fix.

# One clock for a script and the scripts it calls.
export INFRA_STARTED="${INFRA_STARTED:-$EPOCHREALTIME}"

# seconds SINCE -> "12.3"; bash has no floating point, so count in tenths.
seconds_since() {
  local from=${1/[.,]/} now=${EPOCHREALTIME/[.,]/} tenths
  tenths=$(((now - from) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

say() {
  printf '[%6s s] %s\n' "$(seconds_since "$INFRA_STARTED")" "$*"
}

# fail TITLE [CAUSE [FIX]]
fail() {
  printf 'error: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '  cause: %s\n' "$2" >&2
  [ -z "${3:-}" ] || printf '  fix: %s\n' "$3" >&2
  exit 1
}

# step NAME COMMAND...: one line when it begins, one when it ends; what it prints goes to a file that is shown if it fails.
# The command (a function of setup.d, or a program) runs in a bash of its own: a subshell would inherit the "errexit is
# ignored here" of whoever calls us behind an "if" or "||", and then half-done work would count as done.
step() {
  local name=$1 began=$EPOCHREALTIME log="$INFRA_LAB/log/setup-$1.log" status=0
  shift
  mkdir -p "$INFRA_LAB/log"
  say "$name: started"
  bash "$repo/checks/setup.d/in-step.sh" "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    say "$name: FAILED after $(seconds_since "$began") s; its last lines (all of them: $log):" >&2
    tail -n 40 "$log" | sed 's/^/    | /' >&2
    return "$status"
  fi
  say "$name: done in $(seconds_since "$began") s"
}

# Asks before a machine is changed, where there is somebody to ask.
confirm() {
  local answer
  if [ -n "${CI:-}" ] || [ ! -t 0 ]; then
    return 0
  fi
  read -r -p "Go on? [Y/n] " answer
  case $answer in
    '' | y | Y | yes) ;;
    *)
      echo "Nothing was changed."
      exit 1
      ;;
  esac
}
