#!/usr/bin/env bash
# Runs one function of setup.d in a bash of its own (see step in speak.sh).
#
# usage: bash checks/setup.d/in-step.sh FUNCTION [ARGUMENTS...]
set -euo pipefail
# shellcheck source=all.sh
. "$(dirname "${BASH_SOURCE[0]}")/all.sh"
case ${1:---help} in
  -h | --help) print_help "${BASH_SOURCE[0]}" ;;
  *) "$@" ;;
esac
