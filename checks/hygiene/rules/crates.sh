# shellcheck shell=bash
# Rules about our crates, read from cargo's own view of the workspace.

# own_metadata: the workspace without its dependencies; needs no lock file and no network
own_metadata() {
  [ -e "$work/own.json" ] || cargo metadata --format-version 1 --no-deps --offline >"$work/own.json"
  cat "$work/own.json"
}

# full_metadata: with all dependencies, as locked
full_metadata() {
  if [ ! -e "$work/full.json" ]; then
    # Without a network where that is enough: a second run should not wait for one.
    cargo metadata --format-version 1 --locked --offline >"$work/full.json.new" 2>/dev/null ||
      cargo metadata --quiet --format-version 1 --locked >"$work/full.json.new" || return 1
    mv "$work/full.json.new" "$work/full.json"
  fi
  cat "$work/full.json"
}

# Who may import whom. testkit is for development: it may be a dev-dependency of any, a dependency of none.
allowed_imports='{
  "infra-model": [],
  "infra-plan": ["infra-model"],
  "infra-engine": ["infra-plan", "infra-model"],
  "infra-drive": ["infra-model", "infra-search"],
  "infra-view": ["infra-plan", "infra-model"],
  "infra": ["infra-view", "infra-engine", "infra-drive", "infra-plan", "infra-model", "infra-search"],
  "infra-agent": ["infra-model", "infra-search"],
  "infra-search": ["infra-model"],
  "infra-testkit": ["infra-model"]
}'

rule_crate_imports() {
  own_metadata | jq -r --argjson allowed "$allowed_imports" --arg root "$root/" '
    ([.packages[].name]) as $own
    | .packages[] | . as $crate
    | ($crate.manifest_path | ltrimstr($root)) as $file
    | if $allowed[$crate.name] == null then
        "\($file): crate \($crate.name) has no rule; say in checks/hygiene/rules/crates.sh what it may import"
      else
        $crate.dependencies[]
        | select(.name as $name | $own | index($name))
        | select(.name as $name
            | ($allowed[$crate.name] + (if .kind == "dev" then ["infra-testkit", $crate.name] else [] end)) | index($name) | not)
        | "\($file): \($crate.name) must not import \(.name); move what it needs to a room both may import"
      end'
}

# Crates that bring processes, files, clocks, sockets or a runtime. Reached through others counts, too.
effects='["tokio", "openssh", "tempfile", "rustix", "libc", "nix", "async-std", "smol", "mio", "socket2", "walkdir", "chrono",
  "time", "indicatif", "clap", "gix", "rusqlite"]'

rule_pure_crates() {
  full_metadata | jq -r --argjson effects "$effects" '
    (.packages | map({ key: .id, value: .name }) | from_entries) as $name
    | (.resolve.nodes | map({ key: .id, value: [.deps[] | select(any(.dep_kinds[]; .kind == null)) | .pkg] }) | from_entries) as $deps
    | def reach($todo; $seen):
        if ($todo | length) == 0 then $seen
        else ($todo | map(. as $id | $deps[$id] // []) | add | unique | . - $seen) as $next | reach($next; $seen + $next) end;
      .packages[] | select(.name == "infra-model" or .name == "infra-plan") | .name as $crate
    | reach([.id]; []) | map($name[.]) | unique[] | select(. as $n | $effects | index($n))
    | "cli/\($crate | ltrimstr("infra-"))/Cargo.toml: \($crate) reaches \(.), which has effects; keep it in cli/drive"'
}

rule_crate_diagram() {
  "$here/diagram" --root "$root" --check
}

rule_crate_headers() {
  local dir source
  for dir in cli/*/; do
    source=
    for file in "${dir}src/lib.rs" "${dir}src/main.rs"; do
      [ ! -f "$file" ] || source=${source:-$file}
    done
    if [ -z "$source" ]; then
      echo "${dir}: no src/lib.rs and no src/main.rs"
    elif ! grep -qE '^//! Never: .{10,}' "$source"; then
      echo "$source:1: no line \"//! Never: ...\"; say what this crate must never do"
    fi
    grep -qE '^description( = |\.)' "${dir}Cargo.toml" || grep -qE '^//! .{15,}' "${source:-/dev/null}" ||
      echo "$source:1: does not say what the crate is"
  done
}

licences='["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "0BSD", "BSL-1.0",
  "Unicode-3.0", "Unicode-DFS-2016", "CC0-1.0", "Unlicense", "MIT-0", "CDLA-Permissive-2.0"]'

# An SPDX expression is met if one alternative is allowed in all its parts. Parentheses group alternatives only.
rule_licences() {
  full_metadata | jq -r --argjson allowed "$licences" '
    def one: . as $l | $allowed | index($l) != null;
    def alternatives: gsub("[()]"; "") | gsub("/"; " OR ") | split(" OR ") | any(split(" AND ") | all(gsub("^ +| +$"; "") | one));
    def met: if contains("(") then split(" AND ") | all(alternatives) else alternatives end;
    .packages[] | select(.source != null)
    | select((.license // "") | met | not)
    | "\(.name) \(.version): licence \(.license // "(none named)"); replace the crate, or allow the licence in checks/hygiene/rules/crates.sh"'
}
