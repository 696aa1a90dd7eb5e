# shellcheck shell=bash
# Rules about Rust sources. A file's production code ends where its tests begin; test files are not looked at for effects.

rust_files() {
  files 'cli/*.rs'
}

is_test_file() {
  [[ $1 =~ /(tests|benches|examples)/|(^|/|_)tests?\.rs$ ]]
}

# production FILE: "line:text" of production code, without comments
production() {
  awk '
    /^#\[cfg\(test\)\]/ { pending = 1; next }
    pending && /^ *(pub )?mod [a-z_]+ *\{/ { exit }
    { pending = 0 }
    /^[ \t]*\/\// { next }
    { print FNR ":" $0 }' "$1"
}

# search ADVICE REGEX FILES...: each production line that matches
search() {
  local advice=$1 regex=$2 file
  shift 2
  for file in "$@"; do
    is_test_file "$file" || production "$file" | grep -P "^\d+:.*?(?:$regex)" |
      while IFS=: read -r line text; do
        printf '%s:%s: %s; %s\n' "$file" "$line" "$(sed -E 's/^ +//' <<<"$text")" "$advice"
      done || true
  done
}

rule_rust_headers() {
  local file
  rust_files | while read -r file; do
    head -n 1 "$file" | grep -qE '^//! .' || echo "$file:1: does not open with \"//! what it is for\""
  done
}

rule_file_length() {
  local file lines
  rust_files | while read -r file; do
    ! is_test_file "$file" || continue
    lines=$(production "$file" | wc -l)
    [ "$lines" -le 800 ] || echo "$file: $lines lines of production code; there is a second idea inside: give it a file"
  done
}

rule_file_names() {
  files | grep -E '(^|/)(utils?|helpers?|common|misc|stuff)(\.(rs|nix|sh)|/(mod|lib)\.rs)$' |
    sed 's/$/: name the idea, not the drawer/' || true
}

rule_no_effects() {
  local list
  mapfile -t list < <(files 'cli/model/src/*.rs' 'cli/plan/src/*.rs')
  search "model and plan are pure: take it as an argument, or do it in cli/drive" \
    '\bstd::(process|fs|env|net|thread)\b|\b(SystemTime|Instant)::now\b|\btokio::|\bstd::io::(stdin|stdout|stderr)\b' "${list[@]}"
}

rule_one_process_constructor() {
  local list
  mapfile -t list < <(rust_files | grep -vE '^cli/drive/src/process(\.rs$|/)|^cli/agent/src/process\.rs$|^cli/testkit/')
  search "processes are created in cli/drive/src/process (on a host: cli/agent/src/process.rs) only" '(?<!clap::)\bCommand::new\b' "${list[@]}"
}

# Crate-wide ones count as well (#![allow(...)]).
rule_no_bare_allow() {
  local file
  rust_files | while read -r file; do
    grep -nE '^[^"/]*#!?\[(cfg_attr\(.*, *)?allow\(' "$file" |
      sed "s|^|$file:|; s|\$|; use #[expect(lint, reason = \"...\")]|" || true
  done
}

rule_nothing_unfinished() {
  local list
  mapfile -t list < <(rust_files)
  search "finish it, or leave its place visible in the types" '\b(todo|unimplemented|dbg)!' "${list[@]}"
}
