# The evaluators, by class. A class without one is part of the design but not of this version; that is data here and one error below.
{
  lib,
  infraLib,
  inputs,
  root,
  planes, # by host
  nixosModules,
}:
let
  scope = {
    inherit
      lib
      infraLib
      inputs
      root
      ;
    evaluateNixos = import ./nixos.nix {
      inherit
        lib
        infraLib
        inputs
        root
        planes
        nixosModules
        ;
    };
  };

  evaluators = {
    nixos = scope.evaluateNixos [ ];
    microvm = import ./microvm.nix scope;
    home = import ./home.nix scope;
  };

  works = lib.concatStringsSep ", " (
    builtins.filter (class: evaluators ? ${class}) infraLib.hostKeys.classes
  );

  unsupported =
    host:
    infraLib.problem.raise [
      {
        code = "unsupported-class";
        title = "host `${host.name}` is of class `${host.class}`, which this version of infra cannot evaluate";
        where = "hosts/${host.name}/host.toml";
        fix = "use a class that works: ${works}";
      }
    ];
in
{
  evaluate = host: (evaluators.${host.class} or unsupported) host;
}
