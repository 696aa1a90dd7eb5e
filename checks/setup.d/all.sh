# shellcheck shell=bash
# All parts of the set-up, in the order in which they build on each other.

# What is installed for everybody must be readable by everybody, whatever the caller's own files are.
umask 022

setup_d=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=places.sh
. "$setup_d/places.sh"
# shellcheck source=speak.sh
. "$setup_d/speak.sh"
# shellcheck source=root.sh
. "$setup_d/root.sh"
# shellcheck source=lanes.sh
. "$setup_d/lanes.sh"
# shellcheck source=archive.sh
. "$setup_d/archive.sh"
# shellcheck source=packages.sh
. "$setup_d/packages.sh"
# shellcheck source=nix.sh
. "$setup_d/nix.sh"
# shellcheck source=prefix.sh
. "$setup_d/prefix.sh"
# shellcheck source=rootfs.sh
. "$setup_d/rootfs.sh"
# shellcheck source=lab.sh
. "$setup_d/lab.sh"
