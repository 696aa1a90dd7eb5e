# Compares a TOML table with the keys it may have. Returns every problem, not only the first.
#
# `keys` is a list, not an attribute set, because its order is the order people read them in.
{ lib, nearest }:
let
  # TOML's own names for what Nix calls bool, int, list and set.
  typeName =
    value:
    {
      bool = "boolean";
      int = "integer";
      list = "array";
      set = "table";
    }
    .${builtins.typeOf value} or (builtins.typeOf value);

  wrongType = file: key: value: {
    code = "wrong-type";
    title = "`${key.name}` in ${file} must be ${key.shape.expected}";
    cause = "found ${typeName value} ${builtins.toJSON value}";
    where = file;
    fix = "write for example: ${key.name} = ${key.shape.example}";
  };

  missing = file: key: {
    code = "missing-key";
    title = "${file} does not say its `${key.name}`";
    where = file;
    fix = "add the line: ${key.name} = ${key.shape.example}";
  };

  unknown =
    file: names: name:
    let
      known = nearest.find name names;
    in
    {
      code = "unknown-key";
      title = "unknown key `${name}` in ${file}";
      where = file;
      fix =
        if known == null then
          "known keys: ${lib.concatStringsSep ", " names}"
        else
          "did you mean `${known}`?";
    };
in
{
  file, # shown to the user
  keys, # [ { name; shape; required ? false; } ]
  table,
}:
let
  names = map (key: key.name) keys;

  problemsOf =
    key:
    if table ? ${key.name} then
      lib.optional (!key.shape.accepts table.${key.name}) (wrongType file key table.${key.name})
    else
      lib.optional (key.required or false) (missing file key);

  strangers = builtins.filter (name: !builtins.elem name names) (builtins.attrNames table);
in
lib.concatMap problemsOf keys ++ map (unknown file names) strangers
