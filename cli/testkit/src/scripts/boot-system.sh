#!/bin/sh
# What a boot loader and stage 2 do: activate the system that is the boot default. The stand-in for
# nixpkgs keeps that in this link, for want of a boot loader; the profile alone decides nothing, so a
# deployment that was cut off before its commit boots the system before it, as on a real machine.
# A host that was never deployed to has no default, and boots as plain Debian. As boot loaders do, it
# forgets what it was told to boot once before it boots it.
set -eu
roots=/nix/var/nix/gcroots
if once=$(readlink -e $roots/lab-boot-once); then
  rm $roots/lab-boot-once
  system=$once
else
  system=$(readlink -e $roots/pocket-boot-default) || exit 0
fi
ln -sfn "$system" /run/booted-system
exec "$system/bin/switch-to-configuration" test
