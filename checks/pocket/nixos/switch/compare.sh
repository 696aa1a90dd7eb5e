
# ---- compare.sh: what a unit says, and whether two systems say the same

# The file a unit is defined by: its own, or its template's.
unit_file() { # DIR UNIT
  local template
  if [ -e "$1/$2" ] || [ -L "$1/$2" ]; then echo "$2"; return; fi
  if [ -d "$1/$2.d" ]; then echo "$2"; return; fi
  case $2 in
    *@*.*)
      template=${2%%@*}@.${2##*.}
      if [ -e "$1/$template" ] || [ -d "$1/$template.d" ]; then echo "$template"; fi ;;
  esac
}

# The unit's text with its drop-ins. Every file has a name by its content, so equal names save the reading.
unit_paths() { # DIR FILE
  local f
  for f in "$1/$2" "$1/$2.d"/*.conf; do [ ! -e "$f" ] || readlink -f "$f"; done
}
unit_text() { # DIR FILE
  local f
  for f in "$1/$2" "$1/$2.d"/*.conf; do [ ! -e "$f" ] || { cat "$f"; echo; }; done
}

is_masked() { [ "$(readlink -f "$1/$2" 2>/dev/null)" = /dev/null ]; }
only_dropin() { [ ! -e "$1/$2" ] && [ -d "$1/$2.d" ]; }

# Lines that mean something for the running unit, each with its section: [Install] acts elsewhere, and these words
# describe the unit or say what happens next time.
meaning() {
  awk '
    /^[[:space:]]*($|[#;])/ { next }
    /^\[/ { section = $0; next }
    section == "[Install]" { next }
    section == "[Unit]" && /^(Description|Documentation|SourcePath|OnFailure|OnSuccess|OnFailureJobMode|IgnoreOnIsolate|StopWhenUnneeded|RefuseManualStart|RefuseManualStop|AllowIsolate|CollectMode|X-Reload-Triggers)[[:space:]]*=/ { next }
    { print section $0 }'
}
reload_triggers() { grep '^X-Reload-Triggers=' || true; }

# same, reload or restart
compare_units() { # OLD-DIR OLD-FILE NEW-DIR NEW-FILE
  local old new
  if [ "$(unit_paths "$1" "$2")" = "$(unit_paths "$3" "$4")" ]; then echo same; return; fi
  old=$(unit_text "$1" "$2") new=$(unit_text "$3" "$4")
  if [ "$(meaning <<<"$old")" != "$(meaning <<<"$new")" ]; then echo restart
  elif [ "$(reload_triggers <<<"$old")" != "$(reload_triggers <<<"$new")" ]; then echo reload
  else echo same; fi
}

# Not "grep -q": it goes at the first match, and the writer behind it would tell the user of a broken pipe.
says() { # DIR FILE LINE
  unit_text "$1" "$2" | grep -xiE "$3" >/dev/null
}
yes='(1|yes|true|on)'
no='(0|no|false|off)'
