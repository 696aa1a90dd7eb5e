#!/bin/sh
# What a boot loader and stage 2 do on a real NixOS: activate the system that the profile names.
# A host that was never deployed to has none, and boots as plain Debian.
set -eu
system=$(readlink -f /nix/var/nix/profiles/system) || exit 0
[ -x "$system/bin/switch-to-configuration" ] || exit 0
ln -sfn "$system" /run/booted-system
exec "$system/bin/switch-to-configuration" test
