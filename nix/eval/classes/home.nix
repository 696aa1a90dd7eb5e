# Class `home`: a machine of which only one user's home is ours. Its system is the activation package of `homes/<user>`.
{
  lib,
  infraLib,
  inputs,
  root,
  ...
}:
let
  evaluateHome = import ../home.nix {
    inherit
      lib
      infraLib
      inputs
      root
      ;
  };

  homes = infraLib.homes root;

  hint =
    lib.optionalString (homes != [ ])
      " (there are homes of: ${lib.concatStringsSep ", " homes})";

  noHome = host: {
    code = "missing-file";
    title = "host `${host.name}` is the home of `${host.user}`, who has no home.nix";
    where = "homes/${host.user}/home.nix";
    fix = "create it, or name another `user` in hosts/${host.name}/host.toml${hint}";
  };
in
host:
let
  hasHome = builtins.elem host.user homes;
  configuration = infraLib.problem.unless (lib.optional (!hasHome) (noHome host)) (
    evaluateHome host host.user
  );
in
{
  inherit configuration;
  toplevel = configuration.activationPackage;
}
