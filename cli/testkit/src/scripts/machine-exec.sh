#!/bin/bash
# Runs a program on a test machine, with its arguments as they were given: ssh alone would let the far shell split them.
#
# Arguments: the ssh client's configuration; the machine; the PATH there; the program and its arguments
set -euo pipefail
config=$1 machine=$2 path=$3
shift 3
exec ssh -F "$config" "$machine" -- "PATH=$path HOME=/root USER=root exec ${*@Q}"
