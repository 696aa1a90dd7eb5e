# $1 the system. Prints what its activation would do, and exits as it did. Changes nothing.
PATH=$PATH:/run/current-system/sw/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
switch=$1/bin/switch-to-configuration
[ -x "$switch" ] || { echo "$switch is not there" >&2; exit 1; }
exec "$switch" dry-activate </dev/null 2>&1
