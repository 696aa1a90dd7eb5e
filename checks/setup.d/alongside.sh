# shellcheck shell=bash
# Set-up as a part of another script, which compiles in the meantime.

# agree_to TARGET ANSWERED: shows once what the set-up would do, and asks once. ANSWERED is "--yes" to skip the question.
agree_to() {
  local plan
  plan=$("$repo/checks/setup" --dry-run "$1")
  printf '%s\n' "$plan"
  set_up=nothing
  if [[ $plan != *"everything is there"* ]]; then
    [ "$2" = --yes ] || confirm
    require_root
    set_up=$1
  fi
}

# Before anything is compiled: there may be no linker yet.
install_packages() {
  [ "$set_up" = nothing ] || "$repo/checks/setup" --yes --quiet packages
}

finish_setup() {
  [ "$set_up" = nothing ] || "$repo/checks/setup" --yes --quiet "$set_up" </dev/null
}
