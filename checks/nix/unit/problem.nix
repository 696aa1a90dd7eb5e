# The text of an error: the CLI reads it back, so its form is part of the wire.
{ infraLib, ... }:
let
  inherit (infraLib) problem;
  slip = {
    code = "unknown-key";
    title = "unknown key `a`";
    where = "infra.toml";
    fix = "did you mean `b`?";
  };
in
[
  {
    name = "without a cause";
    expr = problem.render slip;
    expected = "infra: unknown key `a`\n  where: infra.toml\n  fix: did you mean `b`?\n  code: unknown-key";
  }
  {
    name = "with a cause";
    expr = problem.render (slip // { cause = "found 1"; });
    expected = "infra: unknown key `a`\n  cause: found 1\n  where: infra.toml\n  fix: did you mean `b`?\n  code: unknown-key";
  }
  {
    name = "no problems, no error";
    expr = problem.unless [ ] 1;
    expected = 1;
  }
  {
    name = "problems hide the value";
    expr = (builtins.tryEval (problem.unless [ slip ] 1)).success;
    expected = false;
  }
]
