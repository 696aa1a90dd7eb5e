# shellcheck shell=bash
# nix/lib as data: values, and every problem it can name.

evaluate_tests unit 'import (here + "/unit") { inherit lib; }'
