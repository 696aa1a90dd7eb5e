# Enters the operator's machine and becomes a program there: same process, so signals, terminal and
# exit status are the program's.
#
# Arguments: the process that holds the machine; the doors of the control group that ends with the
#            lab; the program and its arguments
holder=$1 doors=$2
shift 2
for door in $doors; do echo "$$" > "$door" || exit 1; done
# Entering a mount namespace leads to its root folder; the second shell goes back to where the
# command was started.
# shellcheck disable=SC2016  # expanded by the inner shell
exec nsenter --target "$holder" --mount --net -- /bin/sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
