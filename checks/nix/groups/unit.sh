# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# nix/lib as data: values, and every problem it can name.

evaluate_tests unit 'import (here + "/unit") { inherit lib; }'
