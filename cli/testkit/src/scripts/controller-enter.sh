# Enters the operator's machine whose holder is $0 and becomes the program "$@" there: same
# process, so signals, terminal and exit status are the program's. Entering a mount namespace
# leads to its root folder; the second shell goes back to where the command was started.
exec nsenter --target "$0" --mount --net -- /bin/sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
