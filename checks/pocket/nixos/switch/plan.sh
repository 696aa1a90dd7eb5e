
# ---- plan.sh: which units to stop, reload, restart and start. Reads the machine, changes nothing.

declare -A active=() failed_before=()
declare -A stop=() start=() restart=() reload=() skip=()

read_units() {
  local name load state rest
  active=() failed_before=()
  while read -r name load state rest; do
    case $state in
      active | activating | reloading) active[$name]=$state ;;
      failed) failed_before[$name]=1 ;;
    esac
  done < <("$systemctl" list-units --all --full --plain --no-legend --no-pager)
}

# The machine has put a unit of this name into /etc/systemd/system itself: it is none of ours, whatever we declare.
is_foreign() { # FILE
  local f=/etc/systemd/system/$1 link
  { [ -e "$f" ] || [ -L "$f" ]; } || return 1
  link=$(readlink "$f") || return 0
  [[ $link != /etc/static/* ]] && ! grep -qxF "systemd/system/$1" /var/lib/nixos/etc-entries 2>/dev/null
}

plan_removed() { # UNIT FILE
  if only_dropin "$old_units" "$2"; then restart[$1]=1 # the unit itself was and stays the machine's
  elif ! says "$old_units" "$2" "X-StopOnRemoval=$no"; then stop[$1]=1; fi
}

# A service with a listening socket is stopped with it, and the socket alone is started: the next client starts the service.
plan_stop_start() { # UNIT FILE
  local socket=${1%.service}.socket
  stop[$1]=1
  if [[ $1 == *.service ]] && [ -n "${active[$socket]:-}" ] && [ -e "$new_units/$socket" ] && ! says "$new_units" "$2" "X-NotSocketActivated=$yes"; then
    stop[$socket]=1 start[$socket]=1
  else
    start[$1]=1
  fi
}

plan_changed() { # UNIT FILE
  case $1 in
    *.target | *.slice) return ;; # nothing runs in them
    *.mount) reload[$1]=1; return ;; # remounted; whoever uses it goes on
  esac
  if says "$new_units" "$2" "X-ReloadIfChanged=$yes"; then reload[$1]=1
  elif says "$new_units" "$2" "X-RestartIfChanged=$no" || says "$new_units" "$2" "RefuseManualStop=$yes" || says "$new_units" "$2" "X-OnlyManualStart=$yes"; then skip[$1]=1
  elif says "$new_units" "$2" "X-StopIfChanged=$no"; then restart[$1]=1
  else plan_stop_start "$1" "$2"; fi
}

plan_running() {
  local unit old new
  [ -d "$old_units" ] || return 0
  for unit in "${!active[@]}"; do
    old=$(unit_file "$old_units" "$unit")
    [ -n "$old" ] || continue
    if is_foreign "$old"; then continue; fi
    new=$(unit_file "$new_units" "$unit")
    if [ -z "$new" ] || is_masked "$new_units" "$new"; then plan_removed "$unit" "$old"; continue; fi
    case $(compare_units "$old_units" "$old" "$new_units" "$new") in
      restart) plan_changed "$unit" "$new" ;;
      reload) if ! says "$new_units" "$new" "X-RestartIfChanged=$no"; then reload[$unit]=1; fi ;;
    esac
  done
}

# Units wanted, directly or by way of others of ours, by something that runs: what starting their targets again would start.
pulled=()
find_pulled() {
  local -A known=()
  local unit folder entry name again=1
  for unit in "${!active[@]}"; do known[$unit]=1; done
  # While the machine boots, the targets that are on their way count as well.
  while read -r unit; do known[$unit]=1; done < <("$systemctl" list-jobs --plain --no-legend --no-pager | awk '$3 == "start" { print $2 }')
  pulled=()
  while [ -n "$again" ]; do
    again=''
    for folder in "$new_units"/*.wants "$new_units"/*.requires "$new_units"/*.upholds; do
      [ -d "$folder" ] || continue
      name=${folder##*/}
      [ -n "${known[${name%.*}]:-}" ] || continue
      for entry in "$folder"/*; do
        unit=${entry##*/}
        [ -z "${known[$unit]:-}" ] || continue
        known[$unit]=1 again=1
        if is_foreign "$unit" || [ -n "${skip[$unit]:-}" ] || says "$new_units" "$(unit_file "$new_units" "$unit")" "(RefuseManualStart|X-OnlyManualStart)=$yes"; then continue; fi
        pulled+=("$unit")
      done
    done
  done
}

sorted() { [ $# = 0 ] || printf '%s\n' "$@" | sort; }
names() { sorted "$@" | paste -s -d, | sed 's/,/, /g'; }
