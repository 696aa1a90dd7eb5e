# One host: what its folder says about it, checked, with the defaults filled in. Never looks at another host's folder, so that one
# host's mistake is its own, and so that it works where the other folders are absent.
{
  lib,
  problem,
  checkTable,
  hostName,
  hostKeys,
  shared,
}:
let
  fileOf = name: "hosts/${name}/host.toml";

  nameProblems =
    name:
    let
      fault = hostName.fault name;
    in
    lib.optional (fault != null) {
      code = "invalid-host-name";
      title = "`${name}` cannot be the name of a host: ${fault}";
      where = "hosts/${name}";
      fix = "rename the folder to a DNS label (a-z, 0-9 and '-'), or to `_${name}` if it is no host";
    };

  noFile = name: {
    code = "missing-file";
    title = "host `${name}` has no host.toml";
    where = fileOf name;
    fix = ''create it with the lines: class = "nixos" and system = "x86_64-linux" (or rename the folder to `_${name}`)'';
  };

  # A key left out falls back to [defaults] of infra.toml where it may, then to the key's own default.
  valueOf =
    defaults: table: key:
    table.${key.name} or (
      if key.inherits or false then defaults.${key.name} or key.default else key.default
    );

  record =
    name: defaults: table:
    let
      values = lib.listToAttrs (
        map (key: {
          inherit (key) name;
          value = valueOf defaults table key;
        }) hostKeys.keys
      );
    in
    values
    // {
      inherit name;
      addresses = if values.addresses == [ ] then [ name ] else values.addresses;
    };

  checkKeys =
    name: table:
    checkTable {
      inherit table;
      inherit (hostKeys) keys;
      file = fileOf name;
    };
in
{
  inherit checkKeys record;

  # The record of host `name` of the repository at `root`; `settings` is its infra.toml.
  read =
    {
      root,
      name,
      settings,
    }:
    let
      path = root + "/${fileOf name}";
      table = builtins.addErrorContext "while reading ${fileOf name}" (
        builtins.fromTOML (builtins.readFile path)
      );
      keyProblems = checkKeys name table;
      sharedProblems = shared.check {
        inherit root;
        file = fileOf name;
        wanted = table.shared or null;
        # The command made the tree, and has looked at the repository itself.
        isWhole = !builtins.pathExists (root + "/.infra/context.json");
      };
      problems =
        if nameProblems name != [ ] then
          nameProblems name
        else if !builtins.pathExists path then
          [ (noFile name) ]
        # A `shared` of the wrong type is already a problem; its entries cannot be looked at.
        else if keyProblems != [ ] then
          keyProblems
        else
          sharedProblems;
    in
    problem.unless problems (record name settings.defaults table);
}
