# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# examples/homelab as far as it can be known without its inputs: hosts, homes, context, lock. Its contracts: contracts.sh.

homelab=$repo/examples/homelab

hosts_and_homes() {
  stage_repository homelab "$homelab"
  same "the hosts of homelab" \
    '{"git":"microvm on nas","laptop":"nixos","nas":"nixos","router":"nixos"}' \
    "$(ask --json "path:$work/homelab#infra.index" | jq -cS 'map_values(.class + (if .parent then " on " + .parent else "" end))' 2>&1)"
  same "the homes of homelab" '["anna@git","anna@laptop","anna@nas","anna@router"]' \
    "$(ask --json "path:$work/homelab#homeConfigurations" --apply builtins.attrNames)"
  same "parents, builders and relays are hosts" "[]" \
    "$(ask --json "path:$work/homelab#infra.index" |
      jq -c 'keys as $hosts | [ .[] | .parent, .relay, (.build | select(. != "local" and . != "target")) | values ] - $hosts')"
}

# A contract asks for a value by a name; the files in context/ give it under the same one.
context() {
  local file name names
  names=$(jq -r '[ .[].values | keys[] ] | unique[]' "$repo/checks/golden/planes/homelab.json")
  while IFS= read -r file; do
    for name in $(evaluate "builtins.attrNames (builtins.fromTOML (builtins.readFile (/. + \"$file\")))" | jq -r '.[]'); do
      if grep -qx -- "$name" <<<"$names"; then pass; else fail "${file#"$repo"/} fills \`$name\`, which no contract asks for"; fi
    done
  done < <(find "$homelab/context" -name '*.toml')
}

# All but the infra input, whose release this checkout cannot know, is pinned at what the README says is pinned.
lock() {
  lock_is_complete "examples/homelab (with infra given)" "$work/homelab"
  same "every input of homelab but infra is locked" \
    '["disko","home-manager","microvm","nixpkgs"]' "$(jq -c '.nodes.root.inputs | keys' "$homelab/flake.lock")"
  same "every lock has a revision and a hash" "" \
    "$(jq -r '.nodes | to_entries[] | select(.key != "root")
      | select((.value.locked.rev | length) != 40 or (.value.locked.narHash | startswith("sha256-") | not)) | .key' "$homelab/flake.lock")"
  same "homelab and our flake agree on nixpkgs" \
    "$(jq -c .nodes.nixpkgs.locked "$repo/flake.lock")" "$(jq -c .nodes.nixpkgs.locked "$homelab/flake.lock")"
  same "pair and our flake agree on nixpkgs" \
    "$(jq -c .nodes.nixpkgs.locked "$repo/flake.lock")" "$(jq -c .nodes.nixpkgs.locked "$repo/examples/pair/flake.lock")"
}

hosts_and_homes
context
lock
