# What somebody reads who uses a value that nobody gave: which one, of which host, of what type, who asked for it, and how to give it.
{
  lib,
  problem,
  host,
  where, # of kind and name to the place that declares it
}:
let
  ofHost = lib.optionalString (host != "") " of host `${host}`";
in
{
  value =
    name: type: scope: fact:
    let
      file = if scope == "shared" then "context/shared.toml" else "context/hosts/${host}.toml";
    in
    problem.raise [
      {
        code = "unfilled-value";
        title = "the value `${name}`${ofHost} is not filled";
        cause = "it must be ${type.description}, and no source gives it";
        where = where "values" name;
        fix =
          if fact != null then
            "the host knows it: infra facts ${host}"
          else
            "write into ${file}: ${name} = …   (or run: infra fill ${host})";
      }
    ];

  want =
    name:
    problem.raise [
      {
        code = "unfilled-want";
        title = "nobody has answered what `${name}`${ofHost} wants";
        where = where "wants" name;
        fix = "evaluate it with infra, which asks the other hosts: infra contract ${host}";
      }
    ];

  notOne =
    name: config: hosts:
    problem.raise [
      {
        code = "wrong-want";
        title =
          if config.many then
            "`infra.wants.${name}.value`${ofHost} is read, but `${name}` wants the answers of many"
          else
            "`${name}`${ofHost} wants one answer and has ${toString (builtins.length hosts)}";
        cause = "answered by: ${if hosts == [ ] then "nobody" else lib.concatStringsSep ", " hosts}";
        where = where "wants" name;
        fix =
          if config.many then
            "read `infra.wants.${name}.values`, a set by host"
          else
            "name the one host in `from`, or say `many = true` and read `values`";
      }
    ];
}
