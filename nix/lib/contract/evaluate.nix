# The contract plane of one host: its contract.nix files, evaluated with `lib` alone. Nothing in here knows an operating system.
{
  lib,
  types,
  shared,
  elsewhere,
  module,
}:
{
  root,
  host, # its record (host.nix)
  filled,
}:
let
  own = root + "/hosts/${host.name}/contract.nix";

  files =
    shared.select {
      inherit root;
      wanted = host.shared;
      file = "contract.nix";
    }
    ++ lib.optional (builtins.pathExists own) own;

  outside = elsewhere {
    inherit root files;
    host = host.name;
  };

  evaluated = lib.evalModules {
    specialArgs = outside.arguments // {
      infra = host // {
        types = types.offered;
      };
      # What the contracts declare themselves wins over what they must not read.
      config = outside.options // evaluated.config;
    };
    modules = [
      module
      {
        _file = "infra";
        infra.filled = filled;
      }
    ]
    ++ files;
  };
in
{
  inherit (evaluated) config options;
}
