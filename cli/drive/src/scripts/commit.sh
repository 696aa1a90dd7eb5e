# $1 the system, $2 the run. Makes it the boot default and prints what is the boot default then, as survey.sh does.
PATH=$PATH:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
profile=/nix/var/nix/profiles/system
mkdir -p /run/infra /nix/var/nix/profiles
if command -v flock >/dev/null 2>&1; then
  exec 9>>/run/infra/lock
  flock -n 9 || { echo "the lock is held by: $(cat /run/infra/lock.who 2>/dev/null)" >&2; exit 75; }
fi
# A boot loader that is half written boots nothing: what is said goes into a file, so that a connection which breaks breaks nothing else.
log=/run/infra/commit-$2.log
{ nix-env -p $profile --set "$1" && "$1/bin/switch-to-configuration" boot; } </dev/null >>"$log" 2>&1
code=$?
cat "$log" >&2
[ $code = 0 ] || exit 1
echo "default $(readlink -f $profile)"
echo "generation $(readlink $profile)"
