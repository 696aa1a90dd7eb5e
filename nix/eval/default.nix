# The wire to the CLI: what `<repo>#infra` holds. Read by cli/drive; described in nix/docs/wire.md.
#
# `schema` is the version of everything below it. `index` is cheap and `hosts.<name>.system` is dear; they are separate so that
# asking for the first never pays for the second.
{
  lib, # of the user's nixpkgs
  infraLib,
  inputs,
  root,
  nixosModules, # our own
}:
let
  schema = 1;

  hosts = infraLib.hosts root;

  planes = import ./planes.nix {
    inherit
      lib
      infraLib
      root
      hosts
      ;
  };

  classes = import ./classes {
    inherit
      lib
      infraLib
      inputs
      root
      nixosModules
      ;
    planes = planes.ofHost;
  };

  record = import ./record.nix { inherit schema; };

  # { configuration; toplevel; manifest; } of each host, by the evaluator of its class.
  systems = builtins.mapAttrs (_: classes.evaluate) hosts;
in
{
  inherit hosts systems;

  homes = import ./homes.nix {
    inherit
      lib
      infraLib
      inputs
      root
      hosts
      ;
  };

  wire = {
    inherit schema;

    # host.toml only. A key that a host does not have is absent rather than null.
    index = builtins.mapAttrs (
      _: host: removeAttrs (lib.filterAttrs (_: value: value != null) host) [ "name" ]
    ) hosts;

    # What each host needs and offers, without its system.
    plane = builtins.mapAttrs (_: plane: plane.manifest) planes.ofHost;
    planes = planes.batch;

    hosts = builtins.mapAttrs (
      name: system:
      {
        system = record hosts.${name} system.toplevel;
      }
      # The same through the system, for contracts that read its options. Homes have none.
      // lib.optionalAttrs (system ? manifest) { inherit (system) manifest; }
    ) systems;
  };
}
