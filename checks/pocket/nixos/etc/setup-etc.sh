# setup-etc.sh ETC     make /etc show what ETC/manifest lists, and take away what an earlier system put there.
#
# The machine may have a userland of its own. What it has is never lost: a file in the way of a declared one is kept
# beside it as NAME.before-pocket and comes back when the entry goes; entries marked `yield` leave such a file alone.
# The list of what is ours is in /var/lib/nixos/etc-entries, so nothing else is ever removed.
set -euo pipefail

etc=$1
state=/var/lib/nixos/etc-entries
saved=.before-pocket
dry=''
[ "${NIXOS_ACTION:-}" != dry-activate ] || dry=1
declare -A ours=() wanted=()
failed=0

note() { printf '%s\n' "$*"; }

read_state() {
  local target
  [ -e "$state" ] || return 0
  while IFS= read -r target; do ours[$target]=1; done <"$state"
}

# Ours are the entries of the list, and every link through /etc/static.
is_ours() { # TARGET
  local link
  [ -n "${ours[$1]:-}" ] && return 0
  [ -L "/etc/$1" ] && link=$(readlink "/etc/$1") && [[ $link == /etc/static/* ]]
}

exists() { [ -e "$1" ] || [ -L "$1" ]; }

# Replace /etc/TARGET by the finished file or link NEW in one step.
swap_in() { # NEW TARGET
  local file=/etc/$2
  if exists "$file" && ! is_ours "$2"; then
    mv -T "$file" "$file$saved"
    note "kept the machine's $file as $file$saved"
  fi
  if [ -d "$file" ] && [ ! -L "$file" ]; then rm -rf "${file:?}"; fi
  mv -fT "$1" "$file"
  # Links tell by themselves that they are ours; anything else must be on the list before a crash can happen.
  [ -n "${ours[$2]:-}" ] || printf '%s\n' "$2" >>"$state"
}

make_link() { # TARGET TEXT
  local new=/etc/$1.pocket-new
  if [ -L "/etc/$1" ] && [ "$(readlink "/etc/$1")" = "$2" ]; then return; fi
  mkdir -p "/etc/$(dirname "$1")"
  ln -sfn "$2" "$new"
  swap_in "$new" "$1"
}

make_copy() { # TARGET MODE USER GROUP
  local new=/etc/$1.pocket-new owner=${3#+} group=${4#+}
  mkdir -p "/etc/$(dirname "$1")"
  (umask 077 && cp -L "$etc/etc/$1" "$new")
  chown "$owner:$group" "$new"
  chmod "$2" "$new"
  swap_in "$new" "$1"
}

install_entry() { # TARGET KIND DETAIL USER GROUP
  case $2 in
    link) make_link "$1" "/etc/static/$1" ;;
    direct) make_link "$1" "$3" ;;
    copy) make_copy "$1" "$3" "$4" "$5" ;;
  esac
}

would_install() { # TARGET KIND DETAIL
  local text=/etc/static/$1
  exists "/etc/$1" || { note "would create /etc/$1"; return; }
  case $2 in
    direct) text=$3 ;;
    copy) cmp -s "$etc/etc/$1" "/etc/$1" || note "would replace /etc/$1"; return ;;
  esac
  [ "$(readlink "/etc/$1" || true)" = "$text" ] || note "would replace /etc/$1"
}

install_all() {
  local target kind detail user group yield
  while IFS=$'\t' read -r target kind detail user group yield; do
    if [ "$yield" = yield ] && exists "/etc/$target" && ! is_ours "$target"; then
      case $target in systemd/system/*) note "the machine has its own /etc/$target, which stays" ;; esac
      continue
    fi
    wanted[$target]=1
    if [ -n "$dry" ]; then would_install "$target" "$kind" "$detail"; continue; fi
    install_entry "$target" "$kind" "$detail" "$user" "$group" || {
      note "error: cannot make /etc/$target (is /etc writable there?)" >&2
      failed=1
    }
  done <"$etc/manifest"
}

remove_stale() {
  local target folder
  for target in "${!ours[@]}"; do
    [ -z "${wanted[$target]:-}" ] || continue
    if [ -n "$dry" ]; then note "would remove /etc/$target"; continue; fi
    note "removing obsolete file /etc/$target"
    rm -rf "/etc/${target:?}"
    if exists "/etc/$target$saved"; then mv "/etc/$target$saved" "/etc/$target"; fi
    folder=$(dirname "$target")
    while [ "$folder" != . ] && rmdir "/etc/$folder" 2>/dev/null; do folder=$(dirname "$folder"); done
  done
}

write_state() {
  local target
  for target in "${!wanted[@]}"; do printf '%s\n' "$target"; done | sort >"$state.new"
  mv -f "$state.new" "$state"
}

read_state
if [ -z "$dry" ]; then
  ln -sfn "$etc/etc" /etc/static.new
  mv -fT /etc/static.new /etc/static
  mkdir -p "${state%/*}"
fi
install_all
remove_stale
[ -n "$dry" ] || write_state
exit "$failed"
