# Prints what a host is, one `key value` a line (read by infra_model::HostState::parse). Changes nothing, needs nothing but a shell.
PATH=$PATH:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
say() { printf '%s %s\n' "$1" "$2"; }
say current "$(readlink -f /run/current-system 2>/dev/null)"
say booted "$(readlink -f /run/booted-system 2>/dev/null)"
say default "$(readlink -f /nix/var/nix/profiles/system 2>/dev/null)"
say generation "$(readlink /nix/var/nix/profiles/system 2>/dev/null)"
for link in /nix/var/nix/profiles/system-*-link; do
  if [ -e "$link" ]; then there=yes; elif [ -L "$link" ]; then there=no; else continue; fi
  say profile "${link##*/} $there $(readlink "$link")"
done
say clock "$(date +%s)"
say bootid "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
say nix "$(nix --version 2>/dev/null)"
say nixdaemon "$(command -v nix-daemon 2>/dev/null)"
# A host that has never been deployed to may have no store yet.
say freekib "$({ df -Pk /nix/store || df -Pk /nix || df -Pk /; } 2>/dev/null | { read -r _; read -r _ _ _ free _; echo "$free"; })"
say kernel "$(uname -r)"
boots() { for part in kernel initrd kernel-modules; do readlink "$1/$part"; done 2>/dev/null; cat "$1/kernel-params" 2>/dev/null; }
if [ -e /run/booted-system ] && [ "$(readlink -f /run/booted-system)" != "$(readlink -f /run/current-system)" ]; then
  [ "$(boots /run/booted-system)" = "$(boots /run/current-system)" ] || say stale yes
fi
agent=/var/lib/infra/agent/current/infra-agent
if [ -x $agent ]; then
  say secrets "$($agent secrets status 2>/dev/null </dev/null)"
  say change "$($agent change status 2>/dev/null </dev/null)"
fi
if [ -d /run/systemd/system ]; then
  say systemd yes
  systemctl list-units --state=failed --no-legend --plain 2>/dev/null </dev/null | while read -r unit _; do say failed "$unit"; done
fi
exit 0
