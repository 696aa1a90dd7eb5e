# The modules in a host's own folder: configuration.nix, which must be there, and what is found beside it.
{
  lib,
  infraLib,
  inputs,
  root,
}:
host:
let
  folder = "hosts/${host.name}";
  path = file: root + "/${folder}/${file}";
  has = file: builtins.pathExists (path file);
  ifThere = file: lib.optional (has file) (path file);

  noConfiguration = {
    code = "missing-file";
    title = "host `${host.name}` has no configuration.nix";
    where = "${folder}/configuration.nix";
    fix = "create it as an ordinary NixOS module, and `git add` it: a flake sees only the files Git knows";
  };

  # disk.nix is written in disko's language where the repository has disko, and is an ordinary module otherwise.
  disko = lib.optional (has "disk.nix" && inputs ? disko) inputs.disko.nixosModules.disko;

  facter = lib.optional (has "facter.json") (import ./facter.nix host (path "facter.json"));
in
infraLib.problem.unless (lib.optional (!has "configuration.nix") noConfiguration) (
  [ (path "configuration.nix") ]
  ++ ifThere "disk.nix"
  ++ disko
  ++ ifThere "hardware-configuration.nix"
  ++ facter
)
