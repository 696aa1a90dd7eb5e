# Evaluates the contract.nix files of a repository with `lib` alone, and compares what they declare with the words of the design.
#
# Not the contract plane: no types, no values, no filling. It proves that the files are plane-only (no `pkgs`, no options of an operating
# system), that they agree with each other, and that each need is spelled as the plane will read it.
{ lib, infraLib }:
root:
let
  keys = {
    secrets = [
      "description"
      "scope"
      "phase"
      "units"
      "owner"
      "group"
      "mode"
      "restartUnits"
      "reloadUnits"
      "format"
      "check"
      "required"
      "deploy"
      "recipe"
      "rotate"
      "bind"
    ];
    values = [
      "type"
      "description"
      "example"
      "default"
      "private"
      "recipe"
      "bind"
      "scope"
      "fact"
    ];
    recipes = [
      "needs"
      "prompts"
      "outputs"
      "packages"
      "script"
      "seed"
      "regenerateOn"
      "expires"
    ];
    exports = [
      "type"
      "value"
    ];
    wants = [
      "from"
      "export"
      "many"
    ];
    probes = [
      "unit"
      "port"
      "http"
      "command"
      "file"
      "within"
      "every"
      "successes"
      "critical"
    ];
  };

  # A key that is not in the list is "option does not exist", with the file that says it: the module system does the work.
  need =
    known:
    lib.types.submodule {
      options = lib.genAttrs known (
        _:
        lib.mkOption {
          type = lib.types.raw;
          default = null;
        }
      );
    };

  words.options.infra = builtins.mapAttrs (
    _: known:
    lib.mkOption {
      type = lib.types.attrsOf (need known);
      default = { };
    }
  ) keys;

  hosts = infraLib.hosts root;

  ofHost =
    name: host:
    let
      own = root + "/hosts/${name}/contract.nix";
      shared = infraLib.shared.select {
        inherit root;
        wanted = host.shared;
        file = "contract.nix";
      };
      inherit
        (lib.evalModules {
          specialArgs.infra = host;
          modules = [ words ] ++ shared ++ lib.optional (builtins.pathExists own) own;
        })
        config
        ;
      said = known: given: builtins.filter (key: given.${key} != null) known;
    in
    builtins.mapAttrs (kind: known: builtins.mapAttrs (_: said known) config.infra.${kind}) keys;
in
builtins.mapAttrs ofHost hosts
