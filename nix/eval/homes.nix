# Every home on every host, named as the home-manager command looks them up: `<user>@<host>`. Names cost two directory listings.
{
  lib,
  infraLib,
  inputs,
  root,
  hosts,
}:
let
  evaluateHome = import ./home.nix {
    inherit
      lib
      infraLib
      inputs
      root
      ;
  };

  homeOn = user: host: {
    name = "${user}@${host}";
    value = evaluateHome hosts.${host} user;
  };
in
lib.listToAttrs (
  lib.concatMap (user: map (homeOn user) (builtins.attrNames hosts)) (infraLib.homes root)
)
