# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# The flakes as people use them, evaluated purely and offline: ours, examples/pair, the template.

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

pair() {
  local host record configuration
  stage_repository pair "$repo/examples/pair"
  lock_is_complete "examples/pair (pointed at $nixpkgs)" "$work/pair"
  same "the schema" 1 "$(ask --json "path:$work/pair#infra.schema")"
  for host in web db; do
    record=$(ask --json "path:$work/pair#infra.hosts.$host.system")
    configuration=$(ask --raw "path:$work/pair#nixosConfigurations.$host.config.system.build.toplevel.outPath")
    same "$host: nixosConfigurations is what the CLI deploys" "$configuration" "$(jq -r .toplevel.out <<<"$record" 2>&1)"
  done
  succeeds "nix flake show on examples/pair" nix_ flake show "path:$work/pair"
  succeeds "nix flake check on examples/pair" nix_ flake check --no-build "path:$work/pair"
}

# An edit of one host changes that host alone, and its page restarts its server.
pair_edit() {
  local before after
  before=$(systems_of pair)
  sed -i 's/Hello from web/Good evening from web/' "$work/pair/hosts/web/configuration.nix"
  after=$(systems_of pair)
  same "db does not change with web" "$(jq -r .db.system <<<"$before")" "$(jq -r .db.system <<<"$after")"
  if [ "$(jq -r .web.system <<<"$before")" = "$(jq -r .web.system <<<"$after")" ]; then
    fail "web changes with its page"
  else
    pass
  fi
  if [ "$(jq -r .web.triggers <<<"$before")" = "$(jq -r .web.triggers <<<"$after")" ]; then
    fail "web's unit restarts with its page"
  else
    pass
  fi
}

systems_of() {
  ask --json "path:$work/$1#nixosConfigurations" --apply '
    builtins.mapAttrs (_: host: {
      system = host.config.system.build.toplevel.outPath;
      triggers = map toString (host.config.systemd.services.web.restartTriggers or [ ]);
    })'
}

template() {
  stage_repository template "$repo/templates/default"
  same "the template evaluates" '["web"]' "$(ask --json "path:$work/template#infra.hosts" --apply builtins.attrNames)"
  succeeds "the template's system evaluates" nix_ eval --json "path:$work/template#infra.hosts.web.system"
}

own_flake
pair
pair_edit
template
