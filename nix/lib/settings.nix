# `infra.toml`: what the whole repository agrees on. Read here only as far as evaluation needs it, namely `[defaults]`;
# what is inside the other keys belongs to the CLI.
{
  lib,
  problem,
  shapes,
  checkTable,
  hostKeys,
}:
let
  file = "infra.toml";

  defaultable = builtins.filter (key: key.inherits or false) hostKeys.keys;

  keys = [
    {
      name = "admins";
      shape = shapes.strings "a list of age or SSH public keys" ''["age1…"]'';
    }
    {
      name = "waves";
      shape = shapes.strings "a list of selectors" ''["@canary", "@web"]'';
    }
    {
      name = "stores";
      shape = shapes.table "{ }";
    }
    {
      name = "deploy";
      shape = shapes.table ''{ confirm-within = "1m" }'';
    }
    {
      name = "defaults";
      shape = shapes.table ''{ user = "root" }'';
    }
  ];

  check =
    table:
    checkTable { inherit file keys table; }
    ++ lib.optionals (builtins.isAttrs (table.defaults or null)) (checkTable {
      inherit file;
      keys = defaultable;
      table = table.defaults;
    });
in
{
  inherit check;

  # The settings of the repository at `root`. The file may be missing: then nothing is agreed on.
  read =
    root:
    let
      path = root + "/${file}";
      table = lib.optionalAttrs (builtins.pathExists path) (
        builtins.addErrorContext "while reading ${file}" (
          builtins.fromTOML (builtins.readFile path)
        )
      );
    in
    problem.unless (check table) { defaults = table.defaults or { }; };
}
