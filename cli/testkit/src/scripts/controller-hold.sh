# Holds the operator's machine: a mount namespace in the controller's network namespace. Commands
# enter it, so this only prepares and then waits.
#
# Environment: STORE CONTROLLER_DIR
set -eu

# As for hosts: go on only once the owner has written down who we are.
read -r _go || exit 1
exec </dev/null

mount --bind "$STORE" /nix
mount --bind "$CONTROLLER_DIR/hosts" /etc/hosts
# ssh finds its files through the password database, not through HOME, so a private HOME alone
# would leave it with the keys and the settings of whoever runs the tests.
home=$(getent passwd "$(id -u)" | cut -d: -f6)
if [ -d "$home/.ssh" ]; then mount --bind "$CONTROLLER_DIR/home/.ssh" "$home/.ssh"; fi
if [ -e /etc/ssh/ssh_config ]; then mount --bind "$CONTROLLER_DIR/ssh_config" /etc/ssh/ssh_config; fi
# A name service cache would answer from the machine's own /etc/hosts.
if [ -d /run/nscd ]; then mount -t tmpfs none /run/nscd; fi

: > "$CONTROLLER_DIR/ready"
exec sleep infinity
