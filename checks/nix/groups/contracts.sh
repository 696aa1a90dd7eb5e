# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# The contract plane: what it yields, what it refuses and how, and many hosts in one process. Needs of nixpkgs only `lib`.

planes_of='root: (import (here + "/repository.nix") { nixpkgs = { inherit lib; }; } { inherit root; }).infra'

# plane_says HOST LINE...: the plane of the fixture's host fails, and its error has these lines.
plane_says() {
  local host=$1 error line
  shift
  if error=$(evaluate "($planes_of) (here + \"/fixtures/contracts\")" --apply "infra: infra.plane.\"$host\"" --show-trace 2>&1); then
    fail "the contract of $host: no error" "$error"
    return
  fi
  for line; do
    if grep -qF -- "$line" <<<"$error"; then pass; else fail "the contract of $host: the error does not say \"$line\"" "$error"; fi
  done
}

golden_planes() {
  local answer
  if answer=$(evaluate "($planes_of) (here + \"/$2\")" --apply "infra: $3" 2>"$work/error"); then
    same_file "checks/golden/planes/$1.json" "$repo/checks/golden/planes/$1.json" "$(jq . <<<"$answer")"
  else
    fail "the planes of $1 do not evaluate" "$(cat "$work/error")"
  fi
}

# The command judges values as Nix does: its tests read this.
verdicts() {
  same_file checks/golden/type-verdicts.json "$repo/checks/golden/type-verdicts.json" "$(evaluate '
    import (here + "/golden/type-verdicts.nix") { inherit lib; infraLib = import (here + "/../../nix/lib") { inherit lib; }; }' | jq -c '
      "{\n\"values\": [\n" + (.values | map(tojson) | join(",\n")) + "\n],\n\"types\": [\n" + (.types | map(tojson) | join(",\n")) + "\n]\n}"' | jq -r .)"
}

refused() {
  # All mistakes of a host at once, each with its place.
  plane_says mistakes \
    '`a b` cannot be the name of a need: it has characters other than letters, digits and _.-' \
    'where: hosts/mistakes/contract.nix:4:5' \
    '`twice` is declared both in infra.values and in infra.secrets' \
    '`made` is made by the recipe `pasword`, which nobody declares' \
    'fix: did you mean `password`?' \
    '`bound` is bound to `services..web`, which is not the path of an option' \
    '`units` of `timer` names `backup.timer`, and only services can be given credentials' \
    '`early` is there before accounts are made (phase = "users"), so it cannot belong to anna:root' \
    '`idle` is not sent to the host (deploy = false), but has units or options that consume it' \
    'no secret can satisfy the check of `narrow`: at least 9 and at most 8 bytes' \
    'the default of the value `drv` is not plain data (lambda)' \
    '`fleet` is the same for all hosts (scope = "shared"), and a fact is what one host answers' \
    '`quiet` is private, and facts are kept in context/facts/ in clear text' \
    '`quiet` has both a recipe and a fact' \
    'the recipe `empty` must have either `script` or `builtin`' \
    'the recipe `silent` does not say what its script makes' \
    '`../x` cannot be the name of an output of the recipe `mute`' \
    '`` cannot be the name of a prompt of the recipe `mute`: it is empty' \
    'the recipe `mute` needs `tiwce`, which is neither a secret nor a value of this host' \
    'fix: did you mean `twice`?' \
    '`from` of the want `nobody` must say exactly one of host, tag, parent, guests' \
    'the probe `both` must say exactly one of unit, port, http, command, file, reachableFrom, and says unit, port' \
    'the template `page` needs `nothing`' \
    'code: invalid-need-name' 'code: ambiguous-need' 'code: unknown-recipe' 'code: unknown-need' 'code: wrong-probe'
  plane_says wrong-default \
    'infra.values.port.default' 'is not of type `a port from 1 to 65535' 'In `hosts/wrong-default/contract.nix:3:3'
  plane_says misspelt 'infra.secrets.token.fromat' 'does not exist' 'hosts/misspelt/contract.nix'
  # The module system's own text: the field, and both files.
  plane_says conflict \
    'infra.secrets.token.owner' 'conflicting definition values' 'modules/first/contract.nix' 'modules/second/contract.nix'
  plane_says reads-system \
    'a contract of host `reads-system` reads an option of the operating system: `config.services.openssh.enable`' \
    'where: hosts/reads-system/contract.nix:3' \
    'fix: declare an option of your own in an interface.nix' \
    'code: option-outside-contract'
  plane_says reads-unknown "attribute 'nobody' missing" 'hosts/reads-unknown/contract.nix'
  plane_says reads-module "attribute 'only' missing" 'hosts/reads-module/contract.nix:3'
  plane_says uses-pkgs \
    'a contract of host `uses-pkgs` uses `pkgs`, which contracts do not have' 'where: hosts/uses-pkgs/contract.nix'
  plane_says not-plain 'the export `file` of host `not-plain` is not plain data (path)' 'where: hosts/not-plain/contract.nix:2:3'
  plane_says throws 'the port of hosts/throws'
}

# One folder with the plane trees of several hosts, as the command makes it.
make_batch() {
  local host tree fixture=$here/fixtures/contracts
  mkdir -p "$work/batch/.infra/plane"
  for host in good db mistakes reads-system uses-pkgs absent; do
    tree=$work/batch/.infra/plane/$host
    mkdir -p "$tree/hosts/$host" "$tree/.infra"
    cp "$fixture/hosts/$host/"{host.toml,contract.nix} "$tree/hosts/$host/"
    cp -r "$fixture/modules" "$tree/"
    rm -r "$tree/modules/systems-only"
    echo '{"plane":"contract","schema":1,"secrets":["spare"],"values":{"title":"Filled"},"wants":{"db":{"db":5432}}}' >"$tree/.infra/context.json"
  done
}

batch() {
  local answer
  make_batch
  # Of its shared modules one has no contract, so the tree has nothing of it.
  same "the tree of \`absent\` lacks a folder that its host.toml lists" 0 \
    "$(find "$work/batch/.infra/plane/absent/modules" -path '*/systems-only*' -type f | wc -l)"
  answer=$(evaluate "($planes_of) (/. + \"$work/batch\")" --apply 'infra: infra.planes' 2>&1)
  same "a host that fails takes no other along" '{"absent":true,"db":true,"good":true,"mistakes":false,"reads-system":false,"uses-pkgs":false}' \
    "$(jq -cS '.hosts | map_values(.ok)' <<<"$answer" 2>&1 || echo "$answer")"
  same "the answer has a schema" 1 "$(jq .schema <<<"$answer")"
  same "a host of the batch is filled from its own tree" '"Filled"' "$(jq -c .hosts.good.manifest.exports.title.value <<<"$answer")"
  same "places are those in the host's tree" '"modules/web/contract.nix"' \
    "$(jq -c '.hosts.good.manifest.secrets.token.declared[0].file' <<<"$answer")"
  same "a manifest is the same in a batch and alone" \
    "$(evaluate "($planes_of) (here + \"/fixtures/contracts\")" --apply 'infra: infra.plane.good.secrets' | jq -cS .)" \
    "$(jq -cS .hosts.good.manifest.secrets <<<"$answer")"
}

# context_says CONTEXT APPLY LINE...: with this filled context, what is asked of the plane of `good` fails with these lines.
context_says() {
  local context=$1 apply=$2 error line tree=$work/context
  shift 2
  rm -rf "$tree"
  cp -r "$here/fixtures/contracts" "$tree"
  mkdir "$tree/.infra"
  echo "$context" >"$tree/.infra/context.json"
  if error=$(evaluate "
    let L = import (here + \"/../../nix/lib\") { inherit lib; }; root = /. + \"$tree\"; in
    (L.contract.plane { inherit root; host = (L.hosts root).good; filled = L.contract.filled root \"good\"; })" --apply "plane: $apply" --show-trace 2>&1); then
    fail "the context $context: no error" "$error"
    return
  fi
  for line; do
    if grep -qF -- "$line" <<<"$error"; then pass; else fail "the context $context: the error does not say \"$line\"" "$error"; fi
  done
}

contexts() {
  local empty='{"plane":"contract","schema":1,"secrets":[],"values":{},"wants":{}}'
  context_says '{"schema":2}' 'plane.config.infra.values.title.value' \
    '.infra/context.json has schema 2, and this version of infra reads schema 1' 'code: unknown-schema'
  context_says "$empty" 'plane.config.infra.values.title.value' \
    'infra: the value `title` of host `good` is not filled' \
    'cause: it must be non-empty string, and no source gives it' \
    'where: modules/web/contract.nix:27:7' \
    'fix: write into context/hosts/good.toml: title = …' \
    'code: unfilled-value'
  context_says "$empty" 'plane.config.infra.wants.db.value' \
    'nobody has answered what `db` of host `good` wants' 'where: modules/web/contract.nix' 'code: unfilled-want'
  context_says '{"plane":"contract","schema":1,"secrets":[],"values":{"port":"80"},"wants":{}}' 'plane.config.infra.values.port.value' \
    'infra.values.port.value' 'is not of type `a port from 1 to 65535' '.infra/context.json'
  context_says '{"plane":"contract","schema":1,"secrets":[],"values":{},"wants":{"db":{"a":1,"b":2}}}' 'plane.config.infra.wants.db.value' \
    '`db` of host `good` wants one answer and has 2' 'cause: answered by: a, b' 'code: wrong-want'
}

mkdir -p "$repo/checks/golden/planes"
evaluate_tests contracts 'import (here + "/contracts") { inherit nixpkgs; }'
golden_planes homelab ../../examples/homelab infra.plane
golden_planes vault ../../examples/vault infra.plane
golden_planes fixture fixtures/contracts '{ inherit (infra.plane) db good; }'
verdicts
refused
batch
contexts
