# shellcheck shell=bash
# Debian packages. Asked for by the command that is needed, not by name: a git from elsewhere is as good as Debian's.

# command:package, for what only the lab needs; who uses it stands behind.
lab_tools=(
  cc:gcc                            # Rust's linker
  patchelf:patchelf                 # makes the Nix prefix self-contained
  git:git                           # Nix flakes; the tests' repositories
  jq:jq                             # hygiene checks, staging
  ssh:openssh-client                # infra itself
  ssh-keygen:openssh-client         # ... and the keys of test hosts
  ip:iproute2                       # the test hosts' networks
  tc:iproute2                       # ... and slow links
  systemd-nspawn:systemd-container  # test hosts with systemd
  mmdebstrap:mmdebstrap             # their userland
  mkfs.ext4:e2fsprogs               # ... and full disks
  cpio:cpio                         # looking into initrds
  qemu-system-x86_64:qemu-system-x86 # test hosts with firmware, boot loader and kernel
  sfdisk:fdisk                      # ... their disks' partitions
  mformat:mtools                    # ... and the one that the firmware reads
  shellcheck:shellcheck             # checks of our own scripts
  unshare:util-linux                # everything private
)
nix_tools=(patchelf:patchelf)

# file:package, for what is read and not run.
lab_files=(
  /usr/share/OVMF/OVMF_CODE_4M.fd:ovmf  # firmware of test hosts
)

# sbin is not in an ordinary user's PATH, and a user's tools may well live there.
has_command() {
  PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null
}

# Nix build sandboxes have it as their only /bin/sh, so it must not need a library.
has_static_busybox() {
  local libraries
  [ -x /bin/busybox ] || return 1
  libraries=$(LC_ALL=C ldd /bin/busybox 2>&1) || true # it calls a static program a failure
  [[ $libraries == *"not a dynamic executable"* ]]
}

# missing_packages WHAT -> package names, one a line
missing_packages() {
  local entry tools=("${nix_tools[@]}")
  [ "$1" = nix ] || tools=("${lab_tools[@]}")
  {
    for entry in "${tools[@]}"; do
      has_command "${entry%%:*}" || echo "${entry#*:}"
    done
    [ "$1" = nix ] || for entry in "${lab_files[@]}"; do
      [ -e "${entry%%:*}" ] || echo "${entry#*:}"
    done
    has_static_busybox || echo busybox-static
    [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    # gcc alone links nothing: the C library's start files and stubs are a package of their own.
    if [ "$1" != nix ] && [ -z "$(find /usr/lib /lib -maxdepth 2 -name crt1.o -print -quit 2>/dev/null)" ]; then
      echo libc6-dev
    fi
  } | sort -u
}

apt_install=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -y -q --no-install-recommends
  -o DPkg::Lock::Timeout=180 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install)

# packages_do NAME...
packages_do() {
  # An unreachable third-party source is not our concern: whether the packages can be had shows in the next step.
  as_root apt-get -q -o DPkg::Lock::Timeout=180 -o Acquire::Retries=3 update ||
    echo "warning: apt-get update did not succeed; going on with what it has"
  refuse_surprises "$@"
  without_starting_daemons "${apt_install[@]}" "$@"
}

# Installing by name may still remove a package or pull the C library forward. Neither is ours to do; the one exception
# is busybox, whose static twin takes its place and does all it did.
refuse_surprises() {
  local plan removed
  plan=$(LC_ALL=C "${apt_install[@]}" -s "$@")
  removed=$(awk '$1 == "Remv" && $2 != "busybox" { print $2 }' <<<"$plan")
  if [ -n "$removed" ]; then
    echo "apt would remove: $(tr '\n' ' ' <<<"$removed")"
    echo "fix: decide yourself, with: apt-get install --no-install-recommends $*"
    return 1
  fi
  if awk '$1 == "Inst" && $2 ~ /^libc6(:|$)/ && $3 ~ /^\[/ { found = 1 } END { exit !found }' <<<"$plan"; then
    echo "apt would upgrade libc6, which this script never does:"
    awk '$1 == "Inst" && $2 ~ /^libc6(:|$)/' <<<"$plan"
    echo "fix: bring the machine up to date first (apt-get upgrade), then run this again"
    return 1
  fi
}

# Debian starts what it installs unless this file says no (invoke-rc.d; 101 = "not allowed"). It is put in place only if
# the machine has none, and taken away again however the installation ends.
policy_file=/usr/sbin/policy-rc.d
without_starting_daemons() {
  local status=0
  if [ -e "$policy_file" ]; then
    as_root "$@"
    return
  fi
  trap 'as_root rm -f "$policy_file"; trap - EXIT; exit 130' INT TERM HUP
  trap 'as_root rm -f "$policy_file"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy_file" >/dev/null
  as_root chmod 755 "$policy_file"
  as_root "$@" || status=$?
  as_root rm -f "$policy_file"
  trap - EXIT INT TERM HUP
  return "$status"
}

explain_packages() {
  echo "  packages   apt-get install $(tr '\n' ' ' <<<"$1")"
  echo "             and what these depend on; no service is started, nothing is removed, the C library is not upgraded"
}
