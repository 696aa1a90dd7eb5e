# What is left to do after a package's files are in place; each entry says why. Run by busybox in $out.
{ bootstrap }:
{
  # Debian makes the bundle when ca-certificates is installed; the name is nixpkgs'.
  cacert = ''
    mkdir -p etc/ssl/certs
    find share/ca-certificates -name '*.crt' | sort | xargs cat > etc/ssl/certs/ca-bundle.crt
    rm -rf share bin
  '';

  bash = ''
    ln -s bash bin/sh
    rm -f bin/bashbug bin/rbash
  '';

  # An alternative in Debian, so no package carries the link.
  gawk = "ln -s gawk bin/awk; rm -rf lib/gawk libexec";

  # Of GRUB there is what an installer makes a boot program of, what sets its variables, and what reads a menu: not all that
  # writes one for Debian, nor the programs that are made already (monolithic/).
  grub2_efi = ''
    for f in bin/*; do case $f in bin/grub-editenv | bin/grub-mkimage | bin/grub-script-check) ;; *) rm "$f" ;; esac; done
    rm -rf etc share lib/systemd lib/grub/x86_64-efi/monolithic lib/grub/x86_64-efi-signed
  '';

  # Debian's name for the server binaries differs per tool; these are what maintainer scripts and nixpkgs call.
  kmod = "for a in depmod insmod lsmod modinfo modprobe rmmod; do ln -sfn kmod bin/$a; done";

  # posix and right copy the same data twice more.
  tzdata = "rm -rf share/zoneinfo/posix share/zoneinfo/right bin";

  # Machines are not offered hardware tables and user sessions. Of the boot loader there is what an installer copies and
  # what asks it; nothing that updates it by itself.
  # Unit files name Debian's paths; they are ours, so they must start our programs.
  systemd = ''
    find lib/systemd/boot -type f ! -name systemd-bootx64.efi -exec rm {} +
    rm -rf lib/udev/hwdb.d lib/systemd/catalog lib/systemd/user lib/cryptsetup lib/kernel share/polkit-1 share/mime \
      bin/systemd-hwdb bin/kernel-install lib/systemd/systemd-sysv-install lib/systemd/system-generators/systemd-sysv-generator \
      share/pkgconfig lib/pam.d lib/environment.d lib/systemd/system/systemd-boot-*
    # D-Bus is a package of its own here, so its unit is not where the condition looks; without logind "systemctl reboot" waits
    # for an answer until it gives up.
    sed -i '/^ConditionPathExists=.*dbus/d' lib/systemd/system/systemd-logind.service
    # They run what is not here: a cache for a loader that no program of ours asks, and the hardware tables removed above.
    rm -f lib/systemd/system/ldconfig.service lib/systemd/system/systemd-hwdb-update.service
    find lib/systemd/system lib/udev/rules.d -type f | sort | while read -r f; do
      sed -i -e "s|\([=+!@:-]\|[ \"']\)/\(usr/\)\?lib/systemd/|\1$out/lib/systemd/|g" \
        -e "s|\([=+!@:-]\|[ \"']\)/\(usr/\)\?s\?bin/\(systemctl\|udevadm\|journalctl\|systemd-[a-z-]*\)|\1$out/bin/\3|g" "$f"
    done
  '';

  util-linux = "rm -f bin/su bin/runuser bin/login";
}
