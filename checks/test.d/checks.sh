# shellcheck shell=bash
# The stages of checks/test, and how one check is run, counted and reported.

# --- stages ------------------------------------------------------------------------------------------------------------

stage_fmt() {
  check rustfmt cargo fmt --all --check
}

# Warnings are errors here and nowhere else: a developer in the middle of a change is not stopped by one.
stage_lint() {
  check clippy cargo clippy --workspace --all-targets --locked -- -D warnings &&
    check hygiene checks/hygiene/run &&
    check hygiene-selftest checks/hygiene/selftest &&
    check setup-selftest checks/setup.d/selftest &&
    check test-selftest checks/test.d/selftest
}

stage_unit() {
  check build cargo build --workspace --locked || return 1
  if has_nextest; then
    check rust cargo nextest run --workspace --locked || return 1
  else
    # One at a time: tests that start processes share their open files with each other's children for a moment, as long
    # as they are threads of one process (nextest gives each a process). The testkit's end-to-end tests are left out here
    # by kind, as nextest's profile leaves them out by name.
    check rust cargo test --locked --no-fail-fast --workspace --exclude infra-testkit --lib --bins --tests -- --test-threads=1 &&
      check rust-testkit cargo test --locked --no-fail-fast -p infra-testkit --lib --bins -- --test-threads=1 || return 1
  fi
  check doctests cargo test --workspace --locked --doc
}

stage_nix() {
  check nix checks/with-store checks/nix/run &&
    check nix-modules checks/with-store checks/nix/modules/run &&
    check pocket checks/with-store checks/pocket/test
}

# The test binaries are made by cargo as the person who runs this, and run as root: cargo calls as-root for each of them.
# INFRA_E2E is what lets them run at all, and no other stage sets it.
stage_e2e() {
  local target
  target=$(cargo_target)
  check build-for-e2e cargo build --workspace --locked &&
    check build-agent checks/build-agent || return 1
  leftovers_before
  export INFRA_E2E=1 INFRA_BIN="$target/debug/infra"
  export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$repo/checks/setup.d/as-root"
  check nix-boot "$repo/checks/setup.d/as-root" "$repo/checks/with-store" "$repo/checks/nix/boot" || return 1
  if has_nextest; then
    check e2e cargo nextest run --profile e2e -p infra-testkit -p infra-drive --locked
  else
    check e2e cargo test -p infra-testkit -p infra-drive --locked --no-fail-fast --test 'e2e_*' -- --test-threads=2
  fi || return 1
  check leftovers leftovers_now
}

has_nextest() {
  command -v cargo-nextest >/dev/null
}

cargo_target() {
  cargo metadata --format-version 1 --no-deps --offline | jq -r .target_directory
}

# --- one check ---------------------------------------------------------------------------------------------------------

# Snapshots are compared, never written: a test that accepts its own output proves nothing.
export INSTA_UPDATE=no CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never NEXTEST_COLOR=never
unset INSTA_FORCE_PASS RUSTFLAGS

# check NAME COMMAND...
check() {
  local name=$1 began=$EPOCHREALTIME log="$work/$1.log" status=0 counts
  shift
  if [ "$verbose" = yes ]; then
    "$@" </dev/null 2>&1 | tee "$log" || status=$?
  else
    "$@" </dev/null >"$log" 2>&1 || status=$?
  fi
  counts=$(count_tests "$log" "$status")
  printf '%s %s %s\n' "$name" "$counts" "$(seconds_since "$began")" >>"$work/results"
  if [ "$status" -ne 0 ]; then
    say "$name: FAILED after $(seconds_since "$began") s"
    [ "$verbose" = yes ] || sed 's/^/    | /' "$log"
    name_failures "$name" "$log"
    return 1
  fi
  say "$name: passed in $(seconds_since "$began") s"
}

# A log may be long, with the failure somewhere in it: what failed, once more, at its end.
name_failures() {
  local lines
  lines=$(grep -E '^ *(FAIL|FAILED|error(\[E[0-9]+\])?:|test .* \.\.\. FAILED|TRY [0-9]+ FAIL|(SIG[A-Z]+|TIMEOUT) \[)' "$2" | sort -u | head -n 20) || return 0
  echo "$1 failed in:"
  sed -E 's/^ */    /' <<<"$lines"
}

# count_tests LOG STATUS -> "PASSED FAILED". Understands nextest, cargo test and our own closing line; a check that counts
# nothing is one. A failure that the count does not show (a test runner that died) still is a failure.
count_tests() {
  local counts passed failed
  counts=$(awk '
    /^ *Summary \[/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^(failed|timed)/) f += $(i - 1) } seen = 1 }
    /^test result: / { p += $4; f += $6; seen = 1 }
    /(^|: )[0-9]+ passed, [0-9]+ failed$/ { own_p = $(NF - 3); own_f = $(NF - 1); own = 1 }
    END { if (own) print own_p, own_f; else if (seen) print p + 0, f + 0; else print "none" }' "$1")
  if [ "$counts" = none ]; then
    [ "$2" -eq 0 ] && counts="1 0" || counts="0 1"
  fi
  read -r passed failed <<<"$counts"
  if [ "$2" -ne 0 ] && [ "$failed" -eq 0 ]; then
    failed=1
  fi
  echo "$passed $failed"
}

summary() {
  echo
  [ ! -e "$work/results" ] || awk '{ printf "%-18s %5d passed, %d failed  %7s s\n", $1, $2, $3, $4 }' "$work/results"
  echo "all together: $(seconds_since "$INFRA_STARTED") s"
}

# The last line, for people and for CI. A run that tested nothing has not passed.
total() {
  awk '{ p += $2; f += $3 } END { printf "%d passed, %d failed\n", p, f; exit !p }' "$work/results" 2>/dev/null || {
    [ -e "$work/results" ] || echo "0 passed, 1 failed"
    return 1
  }
}
