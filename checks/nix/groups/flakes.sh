# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# The flakes as people use them, evaluated purely and offline: ours, examples/pair, examples/vault, the template.

succeeds() {
  local name=$1 answer
  shift
  if answer=$("$@" 2>&1); then pass; else fail "$name" "$answer"; fi
}

own_flake() {
  local copy=$work/own names
  mkdir "$copy"
  cp -r "$repo"/{flake.nix,flake.lock,nix,modules,templates} "$copy/"
  mkdir "$copy/checks"
  cp -r "$here" "$copy/checks/nix"
  lock_is_complete "our flake" "$copy"
  same "our lock pins nixpkgs at a revision" "true" \
    "$(jq '.nodes.nixpkgs.locked | .type == "github" and (.rev | length) == 40' "$repo/flake.lock")"
  jq --argjson nixpkgs "$nixpkgs_lock" '.nodes.nixpkgs.locked = $nixpkgs' "$repo/flake.lock" >"$copy/flake.lock"
  succeeds "nix flake show on our flake" nix_ flake show "path:$copy"
  succeeds "nix flake check on our flake" nix_ flake check --no-build "path:$copy"
  names=$(ask --json "path:$copy#lib" --apply builtins.attrNames)
  same "lib holds mkInfra" '["mkInfra"]' "$names"
  succeeds "the template is there" test -e \
    "$(nix_ eval --raw "path:$copy#templates.default.path" 2>/dev/null || echo /absent)/flake.nix"
}

# Evaluates the staged repository $1 once, purely, and keeps what the questions below ask for.
look_at() {
  local reference
  reference=$(path_lock "$work/$1" | jq -r '"path:\(.path)?narHash=\(.narHash | @uri)"')
  ask --json --expr "
    let
      flake = builtins.getFlake \"$reference\";
      ofHost = name: host: {
        deployed = flake.infra.hosts.\${name}.system;
        configured = host.config.system.build.toplevel.outPath;
        triggers = map toString (host.config.systemd.services.web.restartTriggers or [ ]);
      };
    in
    {
      inherit (flake.infra) schema;
      hosts = builtins.mapAttrs ofHost flake.nixosConfigurations;
    }"
}

pair() {
  local host
  stage_repository pair "$repo/examples/pair"
  lock_is_complete "examples/pair (pointed at $nixpkgs)" "$work/pair"
  before=$(look_at pair)
  same "the schema" 1 "$(jq .schema <<<"$before" 2>&1 || echo "$before")"
  for host in web db; do
    same "$host: nixosConfigurations is what the CLI deploys" \
      "$(jq -r ".hosts.$host.configured" <<<"$before")" "$(jq -r ".hosts.$host.deployed.toplevel.out" <<<"$before")"
  done
  succeeds "nix flake show on examples/pair" nix_ flake show "path:$work/pair"
  succeeds "nix flake check on examples/pair" nix_ flake check --no-build "path:$work/pair"
}

# An edit of one host changes that host alone, and its page restarts its server.
pair_edit() {
  local after
  sed -i 's/Hello from web/Good evening from web/' "$work/pair/hosts/web/configuration.nix"
  after=$(look_at pair)
  same "db does not change with web" "$(jq -c .hosts.db <<<"$before")" "$(jq -c .hosts.db <<<"$after")"
  differs "web changes with its page" .hosts.web.deployed.toplevel.drv "$after"
  differs "web's unit restarts with its page" .hosts.web.triggers "$after"
}

# differs NAME WHAT AFTER: what was asked of the repository before is another thing now.
differs() {
  if [ "$(jq -c "$2" <<<"$before")" != "$(jq -c "$2" <<<"$3")" ]; then pass; else fail "$1" "$(jq -c "$2" <<<"$3")"; fi
}

# Contracts without the command: plain Nix evaluates systems whose secrets are nowhere yet.
vault() {
  stage_repository vault "$repo/examples/vault"
  lock_is_complete "examples/vault (pointed at $nixpkgs)" "$work/vault"
  succeeds "nix flake check on examples/vault" nix_ flake check --no-build "path:$work/vault"
  same "the command's question is answered" '["app","db"]' "$(ask --json "path:$work/vault#infra.plane" | jq -c 'map(.host)')"
}

# What the command fills comes first, and is nothing but data in the host's tree.
vault_filled() {
  mkdir "$work/vault/.infra"
  echo '{"plane":"contract","schema":1,"secrets":["db-password","page-token"],"values":{"page-title":"Filled"},"wants":{"database":{"db":{"address":"10.0.0.9","port":6380}}}}' \
    >"$work/vault/.infra/context.json"
  same "the system has the filled value" 1 \
    "$(ask --raw "path:$work/vault#nixosConfigurations.app.config.environment.etc.\"site/index.html\".text" | grep -c '<h1>Filled</h1>')"
}

# A contract that reads the system, as the command asks for it after the plane has failed.
through_the_system() {
  local fixture=$work/through host
  cp -r "$here/fixtures/contracts" "$fixture"
  mkdir "$fixture/.infra"
  echo '{"plane":"system","schema":1,"secrets":["token"],"values":{},"wants":{}}' >"$fixture/.infra/context.json"
  # The second one reads an option of a default.nix, which the plane cannot even fail over without ending the process.
  for host in reads-system reads-module; do
    same "$host: what a system's own contract binds is bound" '["/run/infra/secrets/token",["token"],true]' "$(evaluate "
      let
        repository = import (here + \"/repository.nix\") { inherit nixpkgs; } { root = /. + \"$fixture\"; };
        inherit (repository.nixosConfigurations.$host) config;
      in
      [
        config.environment.etc.token-path.text
        (builtins.attrNames repository.infra.hosts.$host.manifest.secrets)
        (builtins.all (assertion: assertion.assertion) config.assertions)
      ]" 2>&1)"
  done
}

template() {
  stage_repository template "$repo/templates/default"
  same "the template evaluates" '["web"]' "$(ask --json "path:$work/template#infra.hosts" --apply builtins.attrNames)"
  succeeds "the template's system evaluates" nix_ eval --json "path:$work/template#infra.hosts.web.system"
}

own_flake
pair
pair_edit
vault
vault_filled
through_the_system
template
