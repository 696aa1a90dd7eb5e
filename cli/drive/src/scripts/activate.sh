# $1 the system, $2 test|dry-activate, $3 the run. Prints what activation said and exits as it did; 75 if another run holds the lock.
PATH=$PATH:/run/current-system/sw/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
switch=$1/bin/switch-to-configuration
[ -x "$switch" ] || { echo "$switch is not there" >&2; exit 1; }
[ "$2" = dry-activate ] && exec "$switch" dry-activate </dev/null 2>&1

mkdir -p /run/infra
if command -v flock >/dev/null 2>&1; then
  exec 9>>/run/infra/lock
  flock -n 9 || { echo "the lock is held by: $(cat /run/infra/lock.who 2>/dev/null)" >&2; exit 75; }
  echo "run $3, since $(date -u +%Y-%m-%dT%H:%M:%SZ)" >/run/infra/lock.who
fi

# Activation may restart the network or sshd: it must outlive this connection, so it gets a unit (or at least a session) and a log of its own.
log=/run/infra/activate-$3.log
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
  systemd-run --quiet --collect --wait --no-ask-password --service-type=exec --unit="infra-activate-$3" \
    --property=StandardInput=null --property="StandardOutput=append:$log" --property="StandardError=append:$log" \
    "$switch" test </dev/null
  code=$?
else
  setsid "$switch" test </dev/null >>"$log" 2>&1 &
  wait $!
  code=$?
fi
cat "$log" 2>/dev/null
exit $code
