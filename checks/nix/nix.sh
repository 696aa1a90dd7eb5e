# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# Nix as the checks call it: quiet, offline, and never building while it evaluates.

require_nix() {
  local tool
  for tool in nix jq; do
    if ! command -v "$tool" >/dev/null; then
      echo "error: there is no \`$tool\` in PATH" >&2
      echo "  fix: checks/setup, then checks/with-store checks/nix/run" >&2
      exit 2
    fi
  done
}

# Import-from-derivation would make an evaluation build; an eval cache would make a broken evaluation look well.
nix_() {
  nix --extra-experimental-features 'nix-command flakes' --option allow-import-from-derivation false \
    --option eval-cache false --option warn-dirty false --offline "$@"
}

# A path-type lock entry for a folder.
path_lock() {
  jq -nc --arg path "$1" --arg hash "$(nix_ hash path --sri "$1")" \
    '{ type: "path", path: $path, narHash: $hash, lastModified: 1 }'
}

# Sets nixpkgs, the folder of the flake, and nixpkgs_ref, a locked reference to it for pure evaluation.
find_nixpkgs() {
  nixpkgs=${INFRA_NIXPKGS:-$INFRA_LAB/pocket}
  if [ ! -e "$nixpkgs/flake.nix" ]; then
    echo "error: no nixpkgs flake at $nixpkgs" >&2
    echo "  fix: checks/setup (stages the stand-in), or set INFRA_NIXPKGS to the folder of a nixpkgs" >&2
    exit 2
  fi
  nixpkgs=$(readlink -f "$nixpkgs")
  nixpkgs_lock=$(path_lock "$nixpkgs")
  nixpkgs_ref=$(jq -r '"path:\(.path)?narHash=\(.narHash | @uri)&lastModified=1"' <<<"$nixpkgs_lock")
}

# evaluate EXPRESSION [ARGUMENTS...]: a Nix expression that may use `nixpkgs` (the evaluated flake), `lib` and `here` (this folder).
evaluate() {
  local expression=$1
  shift
  nix_ eval --impure --json "$@" --expr "
    let
      nixpkgs = builtins.getFlake \"$nixpkgs_ref\";
      inherit (nixpkgs) lib;
      here = /. + \"$here\";
    in
    $expression"
}

# Runs tests that are data (outcomes.nix) and counts them.
evaluate_tests() {
  local name=$1 answer error
  error=$work/$name.error
  if ! answer=$(evaluate "$2" 2>"$error"); then
    fail "$name does not evaluate" "$(cat "$error")"
    return
  fi
  passed=$((passed + $(jq '.count - (.failures | length)' <<<"$answer")))
  while IFS= read -r failure; do
    fail "$name: $(jq -r .test <<<"$failure")" "$(jq -r '"expected \(.expected | tojson)\n     got \(.got | tojson)"' <<<"$failure")"
  done < <(jq -c '.failures[]' <<<"$answer")
}

# stage_repository NAME FOLDER: a copy of a repository whose flake.lock points nixpkgs at ours and infra at this checkout's Nix half.
# Only `locked` is replaced, so the flake.nix is evaluated as it stands: no override, no --impure.
stage_repository() {
  local target=$work/$1
  if [ ! -e "$work/infra" ]; then
    mkdir "$work/infra"
    cp -r "$repo"/{flake.nix,nix,modules,templates} "$work/infra/"
    infra_lock=$(path_lock "$work/infra")
  fi
  cp -r "$2" "$target"
  [ -e "$target/flake.lock" ] || echo '{ "nodes": { "root": { "inputs": {} } }, "root": "root", "version": 7 }' >"$target/flake.lock"
  jq --argjson nixpkgs "$nixpkgs_lock" --argjson infra "$infra_lock" '
    .nodes.nixpkgs = {
      locked: $nixpkgs,
      original: { type: "github", owner: "NixOS", repo: "nixpkgs", ref: "nixos-unstable" }
    }
    | .nodes.infra = {
      inputs: { nixpkgs: ["nixpkgs"] },
      locked: $infra,
      original: { type: "github", owner: "infra-nix", repo: "infra" }
    }
    | .nodes.root.inputs += { nixpkgs: "nixpkgs", infra: "infra" }
  ' "$target/flake.lock" >"$work/lock" && mv "$work/lock" "$target/flake.lock"
}

# Whether Nix takes a flake.lock as complete, without wanting to change or fetch anything.
lock_is_complete() {
  local name=$1 folder=$2 before error
  before=$(cat "$folder/flake.lock")
  if ! error=$(nix_ flake lock --no-update-lock-file "path:$folder" 2>&1); then
    fail "the lock of $name is not complete" "$error"
  else
    same "Nix rewrites the lock of $name" "$before" "$(cat "$folder/flake.lock")"
  fi
}

# ask ARGUMENTS...: the value of `nix eval`, or else its error text, which is then what a comparison shows.
ask() { nix_ eval "$@" 2>"$work/stderr" || cat "$work/stderr"; }
