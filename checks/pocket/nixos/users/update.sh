# update.sh SPEC MUTABLE      make /etc/passwd, /etc/group and /etc/shadow contain what SPEC (tab-separated rows) lists.
#
# Accounts and groups that SPEC does not name stay untouched, unless an earlier SPEC made them: those go again. The ids given
# out are remembered in /var/lib/nixos, so that an account that comes back finds its files its own.
set -euo pipefail

spec=$1 mutable=$2
state=/var/lib/nixos
dry='' failed=0
[ "${NIXOS_ACTION:-}" != dry-activate ] || dry=1

declare -A passwd=() shadow=() group=()           # name -> the rest of its line
declare -A uid_of=() gid_of=() taken_uid=() taken_gid=()
declare -A made_users=() made_groups=() old_uid=() old_gid=()
declare -A wanted_users=() wanted_groups=()
user_order=() group_order=() homes=()

warn() { printf 'warning: %s\n' "$*" >&2; }
wrong() { printf 'error: %s\n' "$*" >&2; failed=1; }
plain() { if [ "$1" = - ]; then printf ''; else printf '%s' "$1"; fi; }

read_machine() {
  local name rest x id
  if [ -e /etc/passwd ]; then
    while IFS=: read -r name rest; do
      [ -n "$name" ] || continue
      user_order+=("$name"); passwd[$name]=$rest
      IFS=: read -r x id x <<<"$rest"; uid_of[$name]=$id; taken_uid[$id]=$name
    done </etc/passwd
  fi
  if [ -e /etc/group ]; then
    while IFS=: read -r name rest; do
      [ -n "$name" ] || continue
      group_order+=("$name"); group[$name]=$rest
      IFS=: read -r x id x <<<"$rest"; gid_of[$name]=$id; taken_gid[$id]=$name
    done </etc/group
  fi
  if [ -e /etc/shadow ]; then
    while IFS=: read -r name rest; do [ -z "$name" ] || shadow[$name]=$rest; done </etc/shadow
  fi
}

read_state() {
  local name id
  if [ -e $state/declarative-users ]; then while read -r name; do made_users[$name]=1; done <$state/declarative-users; fi
  if [ -e $state/declarative-groups ]; then while read -r name; do made_groups[$name]=1; done <$state/declarative-groups; fi
  if [ -e $state/uid-map ]; then while read -r name id; do old_uid[$name]=$id; done <$state/uid-map; fi
  if [ -e $state/gid-map ]; then while read -r name id; do old_gid[$name]=$id; done <$state/gid-map; fi
}

free_id() { # FROM TO STEP TAKEN-MAP REMEMBERED-MAP
  local -n taken=$4 remembered=$5
  local id=$1 used=" ${remembered[*]} "
  while [ "$id" != "$2" ]; do
    if [ -z "${taken[$id]:-}" ] && [[ $used != *" $id "* ]]; then echo "$id"; return; fi
    id=$((id + $3))
  done
  return 1
}

want_group() { # NAME GID MEMBERS YIELD
  local name=$1 gid=$2 members current x list
  members=$(plain "$3")
  wanted_groups[$name]=1
  if [ -n "${group[$name]:-}" ]; then
    IFS=: read -r x x current <<<"${group[$name]}"
    if [ "$gid" != - ] && [ "$gid" != "${gid_of[$name]}" ] && [ "$4" = 0 ]; then
      warn "not applying GID change of group ‘$name’ (${gid_of[$name]} -> $gid) in /etc/group"
    fi
    # Members somebody added by hand stay; ours are added. A group we made has exactly the declared ones.
    if [ -n "${made_groups[$name]:-}" ]; then list=$members; else list=$(merge "$current" "$members"); fi
    group[$name]="x:${gid_of[$name]}:$list"
    return
  fi
  if [ "$gid" = - ] || { [ -n "${taken_gid[$gid]:-}" ] && [ "$4" = 1 ]; }; then
    gid=${old_gid[$name]:-}
    if [ -z "$gid" ] || [ -n "${taken_gid[$gid]:-}" ]; then gid=$(free_id 999 399 -1 taken_gid old_gid) || { wrong "no free group id for group '$name'"; return; }; fi
  elif [ -n "${taken_gid[$gid]:-}" ]; then
    wrong "users.groups.$name.gid is $gid, which the machine's group '${taken_gid[$gid]}' already has"; return
  fi
  group_order+=("$name"); group[$name]="x:$gid:$members"
  gid_of[$name]=$gid; taken_gid[$gid]=$name; made_groups[$name]=1
  [ -z "$dry" ] || echo "would create group ‘$name’"
}

merge() { # LIST LIST
  local one out=''
  for one in ${1//,/ } ${2//,/ }; do [[ ,$out, == *,"$one",* ]] || out=${out:+$out,}$one; done
  echo "$out"
}

# The password field: `*` for none. (`!` would make an sshd without PAM refuse the account's keys as well.)
password() { # NAME NEW HASH HASH-FILE INITIAL-HASH PLAIN INITIAL-PLAIN
  local current=''
  [ -z "${shadow[$1]:-}" ] || current=${shadow[$1]%%:*}
  if [ "$2" = 0 ] && [ "$mutable" = 1 ] && [ -n "$current" ]; then echo "$current"; return; fi
  if [ "$3" != - ]; then echo "$3"
  elif [ "$4" != - ]; then
    if [ -r "$4" ]; then head -n 1 "$4"; else warn "password file ‘$4’ of user ‘$1’ does not exist"; echo "${current:-*}"; fi
  elif [ "$6" != - ]; then mkpasswd -m sha512 -P 0 <<<"$6"
  elif [ "$2" = 1 ] && [ "$5" != - ]; then echo "$5"
  elif [ "$2" = 1 ] && [ "$7" != - ]; then mkpasswd -m sha512 -P 0 <<<"$7"
  else echo "${current:-*}"; fi
}

choose_uid() { # NAME UID KIND
  local id=${old_uid[$1]:-}
  if [ "$2" != - ]; then echo "$2"
  elif [ -n "$id" ] && [ -z "${taken_uid[$id]:-}" ]; then echo "$id"
  elif [ "$3" = normal ]; then free_id 1000 29999 1 taken_uid old_uid
  else free_id 999 399 -1 taken_uid old_uid; fi
}

want_user() { # NAME UID GROUP KIND HOME CREATE MODE SHELL DESCRIPTION HASH HASH-FILE INITIAL-HASH PLAIN INITIAL-PLAIN YIELD
  local name=$1 uid=$2 new=0 pass dates=1::::::
  wanted_users[$name]=1
  [ -n "${gid_of[$3]:-}" ] || { wrong "user '$name' wants group '$3', which does not exist"; return; }
  if [ -z "${passwd[$name]:-}" ]; then
    new=1
    if [ "${15}" = 1 ] && [ "$uid" != - ] && [ -n "${taken_uid[$uid]:-}" ]; then uid=-; fi
    uid=$(choose_uid "$name" "$uid" "$4") || { wrong "no free user id for user '$name'"; return; }
    [ -z "${taken_uid[$uid]:-}" ] || { wrong "users.users.$name.uid is $uid, which the machine's account '${taken_uid[$uid]}' already has"; return; }
    user_order+=("$name"); made_users[$name]=1
    [ -z "$dry" ] || echo "would create user ‘$name’"
  elif [ "$uid" != - ] && [ "$uid" != "${uid_of[$name]}" ] && [ "${15}" = 0 ]; then
    warn "not applying UID change of user ‘$name’ (${uid_of[$name]} -> $uid) in /etc/passwd"
  fi
  pass=$(password "$name" $new "${10}" "${11}" "${12}" "${13}" "${14}")
  [ -z "${shadow[$name]:-}" ] || dates=${shadow[$name]#*:}
  shadow[$name]=$pass:$dates
  [ "$new" = 1 ] || uid=${uid_of[$name]}
  uid_of[$name]=$uid; taken_uid[$uid]=$name
  if [ "$new" = 0 ] && [ "${15}" = 1 ]; then return; fi
  passwd[$name]="x:$uid:${gid_of[$3]}:$(plain "$9"):$5:$8"
  [ "$6" = 0 ] || homes+=("$5"$'\t'"$7"$'\t'"$uid"$'\t'"${gid_of[$3]}")
}

drop_former() {
  local name
  for name in "${!made_users[@]}"; do
    [ -z "${wanted_users[$name]:-}" ] || continue
    if [ -n "${passwd[$name]:-}" ]; then if [ -n "$dry" ]; then echo "would remove user ‘$name’"; else echo "removing user ‘$name’"; fi; fi
    unset "passwd[$name]" "shadow[$name]" "made_users[$name]"
  done
  for name in "${!made_groups[@]}"; do
    [ -z "${wanted_groups[$name]:-}" ] || continue
    unset "group[$name]" "made_groups[$name]"
  done
}

replace() { # FILE MODE < CONTENT
  (umask 077 && cat >"$1.pocket-new")
  if [ -e "$1" ] && cmp -s "$1" "$1.pocket-new"; then rm "$1.pocket-new"; return; fi
  chmod "$2" "$1.pocket-new"
  if [ -e "$1" ]; then chown "$(stat -c %u:%g "$1")" "$1.pocket-new"; fi
  mv -f "$1.pocket-new" "$1"
}

write_machine() {
  local name
  for name in "${group_order[@]}"; do [ -z "${group[$name]:-}" ] || printf '%s:%s\n' "$name" "${group[$name]}"; done | replace /etc/group 644
  for name in "${user_order[@]}"; do [ -z "${passwd[$name]:-}" ] || printf '%s:%s\n' "$name" "${passwd[$name]}"; done | replace /etc/passwd 644
  for name in "${user_order[@]}"; do [ -z "${shadow[$name]:-}" ] || printf '%s:%s\n' "$name" "${shadow[$name]}"; done | replace /etc/shadow "$(stat -c %a /etc/shadow 2>/dev/null || echo 600)"
}

write_state() {
  local name
  mkdir -p $state
  for name in "${!made_users[@]}"; do echo "$name"; done | sort | replace $state/declarative-users 644
  for name in "${!made_groups[@]}"; do echo "$name"; done | sort | replace $state/declarative-groups 644
  for name in "${!made_users[@]}"; do old_uid[$name]=${uid_of[$name]}; done
  for name in "${!made_groups[@]}"; do old_gid[$name]=${gid_of[$name]}; done
  for name in "${!old_uid[@]}"; do echo "$name ${old_uid[$name]}"; done | sort | replace $state/uid-map 644
  for name in "${!old_gid[@]}"; do echo "$name ${old_gid[$name]}"; done | sort | replace $state/gid-map 644
}

make_homes() {
  local row home mode uid gid
  for row in "${homes[@]}"; do
    IFS=$'\t' read -r home mode uid gid <<<"$row"
    [ ! -d "$home" ] || continue
    mkdir -p "$home" && chown "$uid:$gid" "$home" && chmod "$mode" "$home" || wrong "cannot make the home directory $home"
  done
}

main() {
  local kind fields
  read_machine
  read_state
  while IFS=$'\t' read -r kind fields; do
    IFS=$'\t' read -ra fields <<<"$fields"
    case $kind in group) want_group "${fields[@]}" ;; user) want_user "${fields[@]}" ;; esac
  done <"$spec"
  drop_former
  [ -z "$dry" ] || return 0
  write_machine
  write_state
  make_homes
}

main
exit "$failed"
