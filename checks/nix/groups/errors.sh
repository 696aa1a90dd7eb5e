# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# What a person reads when their repository is wrong: the thing, the place, the fix.

# says NAME FIXTURE ATTRIBUTE LINE...: evaluating the attribute of the fixture fails, and its error has these lines.
says() {
  local name=$1 fixture=$2 attribute=$3 error line
  shift 3
  if error=$(evaluate "
    (import (here + \"/repository.nix\") { inherit nixpkgs; } { root = here + \"/fixtures/$fixture\"; }).$attribute" --show-trace 2>&1); then
    fail "$name: no error" "$error"
    return
  fi
  for line; do
    if grep -qF -- "$line" <<<"$error"; then
      pass
    else
      fail "$name: the error does not say \"$line\"" "$error"
    fi
  done
}

system_says() { says "$1" mixed "infra.hosts.$1.system" "${@:2}"; }

system_says No_Label \
  'infra: `No_Label` cannot be the name of a host: it has upper-case letters' \
  'where: hosts/No_Label' \
  'fix: rename the folder to a DNS label' \
  'code: invalid-host-name'
system_says no-toml \
  'infra: host `no-toml` has no host.toml' \
  'where: hosts/no-toml/host.toml' \
  'fix: create it with the lines: class = "nixos"' \
  'code: missing-file'
system_says missing-class \
  'infra: hosts/missing-class/host.toml does not say its `class`' \
  'fix: add the line: class = "nixos"' \
  'code: missing-key'
system_says unknown-class \
  'infra: `class` in hosts/unknown-class/host.toml must be one of nixos, microvm, container, home, linux' \
  'cause: found string "nixso"' \
  'code: wrong-type'
# All mistakes of a file at once, not one an attempt.
system_says several-mistakes \
  'does not say its `system`' \
  '`port` in hosts/several-mistakes/host.toml must be a port from 1 to 65535' \
  'unknown key `sytem` in hosts/several-mistakes/host.toml' \
  'fix: did you mean `system`?'
system_says shared-slip \
  'names the folder `modules/bsae`, which does not exist' \
  'fix: did you mean `modules/base`?'
system_says no-configuration \
  'infra: host `no-configuration` has no configuration.nix' \
  'where: hosts/no-configuration/configuration.nix'
system_says linux \
  'host `linux` is of class `linux`' \
  'fix: use a class that works: nixos, microvm, home' \
  'code: unsupported-class'
system_says container 'host `container` is of class `container`'
system_says guest \
  'infra: hosts of class `microvm` need the flake input `microvm`' \
  'where: flake.nix' \
  'fix: add to flake.nix: inputs.microvm = { url = "github:microvm-nix/microvm.nix"' \
  'code: missing-input'
system_says home 'infra: homes need the flake input `home-manager`'
system_says homeless \
  'host `homeless` is the home of `bert`, who has no home.nix' \
  'where: homes/bert/home.nix' \
  '(there are homes of: anna)'
system_says throws 'hosts/throws was evaluated' 'hosts/throws/configuration.nix'
system_says unknown-option 'services.webserver' 'hosts/unknown-option/configuration.nix'
system_says wrong-type 'networking.firewall.allowedTCPPorts' 'hosts/wrong-type/configuration.nix'
system_says other-system \
  '`nixpkgs.hostPlatform` of host `other-system` is aarch64-linux' \
  'hosts/other-system/host.toml says system = "x86_64-linux"'

# A contract's mistake about the system names the contract's file.
says unbound contracts infra.hosts.unbound.system 'services.nothing' 'does not exist' 'In `hosts/unbound/contract.nix'
says wrong-bound contracts infra.hosts.wrong-bound.system 'services.openssh.enable' 'is not of type `boolean' 'In `hosts/wrong-bound/contract.nix'
says unfilled contracts infra.hosts.unfilled.system \
  'infra: the value `title` of host `unfilled` is not filled' 'where: hosts/unfilled/contract.nix:3:3' 'code: unfilled-value'
says inline contracts infra.hosts.inline.system 'Move it to hosts/inline/contract.nix'

for fixture in no-hosts no-folder; do
  says "$fixture" "$fixture" infra.index \
    'infra: the repository has no host' 'where: hosts/' 'fix: make one: a folder hosts/<name>' 'code: no-hosts'
done
says bad-settings bad-settings infra.hosts.web.system \
  'infra: unknown key `admin` in infra.toml' 'fix: did you mean `admins`?'
says broken-toml broken-toml infra.index.broken 'while reading hosts/broken/host.toml'
# Broken TOML is beyond catching in Nix, and still harms no other host.
if evaluate '(import (here + "/repository.nix") { inherit nixpkgs; } { root = here + "/fixtures/broken-toml"; }).infra.hosts.web.system' \
  >/dev/null 2>"$work/error"; then
  pass
else
  fail "a broken host.toml harms another host" "$(cat "$work/error")"
fi
if error=$(evaluate '(import (here + "/../../nix/flake/mk-infra.nix") { framework = { }; nixosModules = { }; } { inputs = { }; root = here; }).infra.index' 2>&1); then
  fail "no error without an input nixpkgs"
else
  same "the error without an input nixpkgs names it" 1 "$(grep -cF 'infra: the flake has no input `nixpkgs`' <<<"$error")"
fi
