#!/bin/sh
# Becomes a test machine: the emulator, in the network namespace of the operator, where the machine's cable is plugged in.
# It has the processor emulated even where there is a KVM: some open their device and then hang.
#
# Environment: MACHINE_DIR (disk.img vars.fd) MACHINE PORT MAC FIRMWARE MEMORY_MIB
set -eu

# As for hosts: go on only once the owner has written down who we are.
read -r _go || exit 1
exec </dev/null
cd "$MACHINE_DIR"

# The console grows over all boots. A guest that goes down is started again by its firmware; a power cut ends this process.
# Disks are written through to the machine's page cache, which outlives the emulator: what a power cut loses is what the
# guest had not flushed.
exec qemu-system-x86_64 -name "$MACHINE" -nodefaults -no-user-config -display none \
  -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m "$MEMORY_MIB" \
  -chardev file,id=console,path=console.log,append=on -serial chardev:console \
  -drive "if=pflash,unit=0,format=raw,readonly=on,file=$FIRMWARE" \
  -drive if=pflash,unit=1,format=raw,file=vars.fd \
  -drive if=none,id=disk,format=raw,file=disk.img -device virtio-blk-pci,drive=disk,bootindex=1 \
  -netdev "tap,id=net,ifname=$PORT,script=no,downscript=no" -device "virtio-net-pci,netdev=net,mac=$MAC,romfile=" \
  -object rng-random,id=random,filename=/dev/urandom -device virtio-rng-pci,rng=random
