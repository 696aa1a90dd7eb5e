# shellcheck shell=bash
# nix/eval and nix/flake on the fixtures: the wire, its laziness, the outputs, each module alone.

evaluate_tests eval 'import (here + "/eval") { inherit nixpkgs; }'
