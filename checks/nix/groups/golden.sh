# shellcheck shell=bash disable=SC2154,SC2016
# (SC2154: the variables are those of ../run. SC2016: what stands in single quotes is Nix, or text with backquotes.)
# What other readers hold us to: the CLI's tests read the same JSON, people read the same table.

golden_json() {
  same_file "checks/golden/$1.json" "$repo/checks/golden/$1.json" "$(evaluate "$2" | jq .)"
}

# The lines between `<!-- NAME:begin -->` and `<!-- NAME:end -->` of FILE are TEXT.
generated_part() {
  local name=$1 file=$2 text=$3 whole
  whole=$(awk -v begin="<!-- $name:begin -->" -v end="<!-- $name:end -->" -v text="$text" '
    $0 == end { inside = 0 }
    !inside { print }
    $0 == begin { print text; inside = 1; found = 1 }
    END { if (!found) print "(no markers for " begin ")" }
  ' "$file")
  same_file "the part \`$name\` of ${file#"$repo"/}" "$file" "$whole"
}

golden_json host-toml '
  import (here + "/golden/host-toml.nix") { infraLib = import (here + "/../../nix/lib") { inherit lib; }; }'
golden_json pair '
  let root = here + "/../../examples/pair"; in
  import (here + "/golden/pair.nix") {
    inherit (import (here + "/repository.nix") { inherit nixpkgs; } { inherit root; }) infra;
    inherit root;
  }'
generated_part host-toml "$repo/nix/docs/repository.md" "$(evaluate '
  import (here + "/golden/reference.nix") { inherit lib; infraLib = import (here + "/../../nix/lib") { inherit lib; }; }' | jq -r .)"
for part in contracts types; do
  generated_part "$part" "$repo/nix/docs/contracts.md" "$(evaluate "
    import (here + \"/golden/$part.nix\") { inherit lib; infraLib = import (here + \"/../../nix/lib\") { inherit lib; }; }" | jq -r .)"
done
