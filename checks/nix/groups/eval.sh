# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# nix/eval and nix/flake on the fixtures: the wire, its laziness, the outputs, each module alone.

evaluate_tests eval 'import (here + "/eval") { inherit nixpkgs; }'
