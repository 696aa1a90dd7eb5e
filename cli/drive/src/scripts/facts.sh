# Prints what a host knows of itself (read by infra_model::fact::Report::parse), then what the commands print that are asked for: "$@" is for
# each the number of its words, then the words. Changes nothing, needs nothing but a shell; for addresses `ip`.
PATH=$PATH:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
say() { printf 'fact %s %s\n' "$1" "$2"; }
first() { [ -r "$1" ] && { read -r line <"$1" || [ -n "$line" ]; } && printf '%s' "$line"; }

say hostname "$(first /proc/sys/kernel/hostname)"
say machine-id "$(first /etc/machine-id)"
say kernel "$(first /proc/sys/kernel/osrelease)"
say memory "$(while read -r key kib _; do [ "$key" = MemTotal: ] && echo $((kib * 1024)) && break; done </proc/meminfo)"
say cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null || { count=0 && while read -r key _; do [ "$key" = processor ] && count=$((count + 1)); done </proc/cpuinfo && [ $count -gt 0 ] && echo $count; })"
say virtualisation "$(systemd-detect-virt 2>/dev/null)"
[ -r /etc/ssh/ssh_host_ed25519_key.pub ] && read -r kind key _ </etc/ssh/ssh_host_ed25519_key.pub && say ssh-host-key "$kind $key"

# The default route with the lowest metric; an IPv6 one if there is no other. An unreachable route is one through `lo`.
interface=$(
  best='' least=''
  { read -r _ && while read -r name to _ _ _ _ metric mask _; do
    [ "$to$mask" = 0000000000000000 ] || continue
    if [ -z "$best" ] || [ "$metric" -lt "$least" ]; then best=$name least=$metric; fi
  done; } 2>/dev/null </proc/net/route
  [ -n "$best" ] || {
    while read -r to bits _ _ _ metric _ _ _ name; do
      [ "$to/$bits" = 00000000000000000000000000000000/00 ] && [ "$name" != lo ] || continue
      if [ -z "$best" ] || [ $((0x$metric)) -lt "$least" ]; then best=$name least=$((0x$metric)); fi
    done </proc/net/ipv6_route
  } 2>/dev/null
  printf '%s' "$best"
)
say interface "$interface"
[ -n "$interface" ] && say mac "$(first "/sys/class/net/$interface/address")"
for path in /sys/class/net/*; do
  # bonding_masters is a file.
  [ -d "$path" ] && [ "${path##*/}" != lo ] && say interfaces "${path##*/}"
done

# Where a packet to the outside would come from. The addresses are for documentation: nothing is sent.
from() {
  while [ $# -gt 0 ]; do
    [ "$1" = src ] && printf '%s' "$2" && break
    shift
  done
}
# shellcheck disable=SC2046 # the words of the route, one by one
say ipv4 "$(from $(ip -4 route get 192.0.2.1 2>/dev/null))"
# shellcheck disable=SC2046
say ipv6 "$(from $(ip -6 route get 2001:db8::1 2>/dev/null))"

for path in /dev/disk/by-id/*; do
  case $path in *-part[0-9]* | *'/*') ;; *) say disks "${path##*/}" ;; esac
done

# A command that hangs must not hang everybody.
limit='timeout 30'
command -v timeout >/dev/null || limit=
while [ $# -gt 0 ]; do
  count=$1
  shift
  echo command
  # What it says on standard error is told with the one that said it.
  echo command >&2
  said=$(
    # The words of this command alone: those behind it are dropped from the end.
    set -- "$count" "$@"
    all=$# n=0
    shift
    while [ $n -lt "$count" ]; do
      set -- "$@" "$1"
      shift
      n=$((n + 1))
    done
    while [ $((all - 1)) -gt "$count" ]; do
      shift
      all=$((all - 1))
    done
    # shellcheck disable=SC2086 # two words, or none
    $limit "$@" </dev/null
  )
  code=$?
  printf '%s\n' "$said" | while IFS= read -r line; do printf '| %s\n' "$line"; done
  echo "exit $code"
  shift "$count"
done
exit 0
