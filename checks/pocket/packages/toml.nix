# Nix value -> TOML text. nixpkgs converts with a program at build time; pocket has none, and the language is small.
{ lib }:
let
  inherit (lib) concatMapStrings concatStringsSep filterAttrs isAttrs isList mapAttrsToList;

  key = name: if builtins.match "[A-Za-z0-9_-]+" name != null then name else builtins.toJSON name;

  isTable = value: isAttrs value && !(value ? outPath) && !(value ? __toString);
  isTables = value: isList value && value != [ ] && lib.all isTable value;

  # A value on the right of `=`.
  inline = value:
    if isTable value then "{ ${concatStringsSep ", " (mapAttrsToList (name: v: "${key name} = ${inline v}") (filterAttrs (_: v: v != null) value))} }"
    else if isList value then "[${concatStringsSep ", " (map inline value)}]"
    else if builtins.isBool value then lib.boolToString value
    else if builtins.isInt value || builtins.isFloat value then toString value
    else if value == null then throw "TOML has no null: leave the attribute out"
    else builtins.toJSON (toString value);

  # Plain keys come before tables, or they would belong to the table above them.
  table = path: value:
    let
      set = filterAttrs (_: v: v != null) value;
      plain = filterAttrs (_: v: !(isTable v) && !(isTables v)) set;
      header = names: concatStringsSep "." (map key names);
    in
    lib.concatStrings (mapAttrsToList (name: v: "${key name} = ${inline v}\n") plain)
    + lib.concatStrings (mapAttrsToList (name: v: "\n[${header (path ++ [ name ])}]\n" + table (path ++ [ name ]) v) (filterAttrs (_: isTable) set))
    + lib.concatStrings (mapAttrsToList (name: v: concatMapStrings (one: "\n[[${header (path ++ [ name ])}]]\n" + table (path ++ [ name ]) one) v) (filterAttrs (_: isTables) set));
in
table [ ]
