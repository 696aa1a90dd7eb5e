# infra.toml: what evaluation reads of it, and what it refuses.
{ infraLib, ... }:
let
  check = toml: infraLib.settings.check (builtins.fromTOML toml);
  titles = toml: map (problem: problem.title) (check toml);
in
[
  {
    name = "everything the CLI owns passes unseen";
    expr = check ''
      admins = ["age1x"]
      waves = ["@canary"]
      [defaults]
      user = "deploy"
      [deploy]
      whatever = 1
      [stores.nas]
      whatever = { deep = 1 }
    '';
    expected = [ ];
  }
  {
    name = "unknown keys, at the top and in defaults";
    expr = check ''
      [defaults]
      usr = "x"
      [default]
    '';
    expected = [
      {
        code = "unknown-key";
        title = "unknown key `default` in infra.toml";
        where = "infra.toml";
        fix = "did you mean `defaults`?";
      }
      {
        code = "unknown-key";
        title = "unknown key `usr` in infra.toml";
        where = "infra.toml";
        fix = "did you mean `user`?";
      }
    ];
  }
  {
    name = "only what may be shared has defaults";
    expr = map (problem: problem.fix) (check "[defaults]\nclass = \"nixos\"");
    expected = [ "known keys: user, port, jump, build, platform" ];
  }
  {
    name = "wrong types";
    expr = titles "admins = \"age1x\"\ndefaults = 1\nstores = []\nwaves = [1]";
    expected = [
      "`admins` in infra.toml must be a list of age or SSH public keys"
      "`waves` in infra.toml must be a list of selectors"
      "`stores` in infra.toml must be a table"
      "`defaults` in infra.toml must be a table"
    ];
  }
  {
    name = "a repository without infra.toml has no defaults";
    expr = infraLib.settings.read ../fixtures/folders;
    expected.defaults = { };
  }
]
