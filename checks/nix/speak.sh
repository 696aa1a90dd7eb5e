# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# How a check says what it found. One line for each failure with its evidence, one line at the end.

passed=0
failed=0

pass() { passed=$((passed + 1)); }

# fail NAME [EVIDENCE]
fail() {
  failed=$((failed + 1))
  echo "FAIL $1" >&2
  [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/     /' >&2
}

# same NAME EXPECTED GOT: passes if the two texts are equal, else shows the difference.
same() {
  if [ "$2" = "$3" ]; then
    pass
  else
    fail "$1" "$(diff -u --label expected --label got <(printf '%s\n' "$2") <(printf '%s\n' "$3") || true)"
  fi
}

# same_file NAME FILE TEXT: compares with a tracked file, or writes it when asked to.
same_file() {
  if [ -n "$write" ]; then
    printf '%s\n' "$3" >"$2"
    echo "wrote ${2#"$repo"/}" >&2
  fi
  if [ -e "$2" ]; then
    same "$1 (to accept: checks/nix/run --write)" "$(cat "$2")" "$3"
  else
    fail "$1: there is no ${2#"$repo"/}" "to make it: checks/nix/run --write"
  fi
}

closing_line() {
  echo "nix: $passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
