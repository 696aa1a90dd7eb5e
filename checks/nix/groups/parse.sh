# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# Every Nix and TOML file of the Nix half parses, and keeps the few rules of form that need no formatter.

parse_all() {
  local files error
  mapfile -t files < <(cd "$repo" && find flake.nix nix modules templates examples checks/nix -name '*.nix' | sort)
  if error=$(cd "$repo" && nix-instantiate --parse "${files[@]}" 2>&1 >/dev/null); then
    passed=$((passed + ${#files[@]}))
  else
    fail "a Nix file does not parse" "$error"
  fi
}

parse_toml() {
  local file
  while IFS= read -r file; do
    # This one is broken on purpose; the group `errors` says how.
    [ "$file" != "$here/fixtures/broken-toml/hosts/broken/host.toml" ] || continue
    if evaluate "builtins.fromTOML (builtins.readFile (/. + \"$file\"))" >/dev/null 2>"$work/toml"; then
      pass
    else
      fail "${file#"$repo"/} does not parse" "$(tail -n 3 "$work/toml")"
    fi
  done < <(find "$repo/templates" "$repo/examples" -name '*.toml')
}

form() {
  local found
  found=$(cd "$repo" || exit; grep -nE "$(printf '\t')| +\$" -r --include='*.nix' flake.nix nix modules templates examples checks/nix || true)
  same "no tabs and no trailing spaces in Nix files" "" "$found"
  found=$(cd "$repo" && find flake.nix nix modules -name '*.nix' -exec awk 'END { if (NR > 300) print FILENAME ": " NR " lines" }' {} \;)
  same "no Nix file has more than 300 lines" "" "$found"
  found=$(cd "$repo" && find nix modules -name '*.nix' -exec awk 'FNR == 1 && !/^# / { print FILENAME }' {} \;)
  same "every Nix file opens with a sentence that says what it is" "" "$found"
  found=$(cd "$repo" || exit; grep -nE '^[^#]*\<(with|rec)\>[ a-z]*[;{]' -r --include='*.nix' nix modules || true)
  same "no \`with\` and no \`rec\` in libraries and modules" "" "$found"
}

parse_all
parse_toml
form
