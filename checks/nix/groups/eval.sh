# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# nix/eval and nix/flake on the fixtures: the wire, its laziness, the outputs, each module alone; and the script of one of them.

evaluate_tests eval 'import (here + "/eval") { inherit nixpkgs; }'

# What unpacks at boot, as a script: what it says, and whether it fails, with an agent and without.
unpack_says() {
  local name=$1 status=$2 said=$3 answer got=0
  answer=$(sh -e "$work/unpack" 2>&1) || got=$?
  same "unpacking $name" "$status $said" "$got $answer"
}

unpacking() {
  local folder=$work/var
  evaluate "import (here + \"/../../modules/secrets/unpack.nix\") { folder = \"$folder\"; }" | jq -r . >"$work/unpack"
  unpack_says "without an agent" 0 \
    "infra: nothing is unpacked: there is no agent at $folder/agent/current/infra-agent; \"infra deploy\" brings it"
  mkdir -p "$folder/agent/current" "$folder/secrets"
  printf '#!/bin/sh\necho "$@"\nexit "${STATUS:-0}"\n' >"$folder/agent/current/infra-agent"
  chmod +x "$folder/agent/current/infra-agent"
  unpack_says "without secrets" 0 "infra: nothing is unpacked: there are no secrets at $folder/secrets/current; \"infra deploy\" brings them"
  ln -s 1.age "$folder/secrets/current"
  unpack_says "what there is" 0 "secrets unpack"
  STATUS=1 unpack_says "what cannot be unpacked is a failure" 1 "secrets unpack"
}

unpacking
