# Builds $out/etc and $out/manifest from the entries. Sourced by busybox in the build sandbox.
# Manifest line: target, kind (link, copy, direct), mode or link text, owner, group, own|yield.
tab=$(printf '\t')
mkdir -p "$out/etc"

place() { # TARGET SOURCE
  mkdir -p "$out/etc/$(dirname "$1")"
  if [ -e "$out/etc/$1" ] || [ -L "$out/etc/$1" ]; then
    echo "etc: two entries want /etc/$1: $(readlink "$out/etc/$1") and $2" >&2
    exit 1
  fi
  ln -s "$2" "$out/etc/$1"
}

spread() { # FOLDER TARGET YIELD
  (cd "$1" && find . ! -type d | sed 's|^\./||' | sort) | while read -r file; do
    text=$(readlink "$1/$file" || true)
    case $text in
      '' | /nix/store/*) # a file, or a link into the store
        place "$2/$file" "$1/$file"
        echo "$2/$file${tab}link${tab}-${tab}-${tab}-${tab}$3" ;;
      *) # a relative link, or /dev/null: what it says is the meaning
        place "$2/$file" "$text"
        echo "$2/$file${tab}direct${tab}$text${tab}-${tab}-${tab}$3" ;;
    esac
  done
}

while IFS=$tab read -r target mode user group yield source; do
  case $mode in
    spread) spread "$source" "$target" "$yield" ;;
    symlink)
      place "$target" "$source"
      echo "$target${tab}link${tab}-${tab}-${tab}-${tab}$yield" ;;
    direct-symlink)
      place "$target" "$source"
      echo "$target${tab}direct${tab}$source${tab}-${tab}-${tab}$yield" ;;
    *)
      place "$target" "$source"
      echo "$target${tab}copy${tab}$mode${tab}$user${tab}$group${tab}$yield" ;;
  esac
done <"$entriesPath" | sort >"$out/manifest"
