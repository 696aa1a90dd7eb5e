# How a system comes to know its contract: the contract.nix files as modules, what they were filled with, and what they bind.
#
# What is bound comes from a manifest that is finished before the system is evaluated. If the system's own configuration said which of
# its options are set, evaluating it would never end.
{
  lib,
  infraLib,
  root,
  planes,
}:
host:
let
  inherit (infraLib) contract;

  own = root + "/hosts/${host.name}/contract.nix";

  plane = planes.${host.name};
  inherit (plane) filled;

  # The contract plane, unless a contract needs the system: then the system, evaluated once without anything bound.
  source =
    unbound:
    let
      throughSystem = {
        inherit (unbound) config;
        inherit (unbound.config.infra) manifest;
      };
      works = builtins.tryEval (builtins.deepSeq plane.manifest true);
    in
    if filled.plane == "system" || filled.plane == null && !works.success then throughSystem else plane;

  placeOf = need: (builtins.head (need.declared ++ [ { file = "hosts/${host.name}/contract.nix"; } ])).file;

  # A module for each option, named after the file that binds it: so an error about the option names that file.
  bindingsOf =
    needs: valueOf:
    lib.concatLists (
      lib.mapAttrsToList (
        name: need:
        map (path: {
          _file = placeOf need;
          config = lib.setAttrByPath (contract.binds.parse path) (valueOf name);
        }) need.bind
      ) needs
    );

  isThere = name: secret: secret.deploy && (secret.required || builtins.elem name filled.secrets);
in
{
  # Modules with which the contracts can be read, and nothing follows from them yet.
  readable =
    infraLib.shared.select {
      inherit root;
      wanted = host.shared;
      file = "contract.nix";
    }
    ++ lib.optional (builtins.pathExists own) own
    ++ [
      {
        _file = "infra";
        infra.filled = filled;
      }
    ];

  # Modules that make it so. `unbound` is the system without them.
  bound =
    unbound:
    let
      inherit (source unbound) manifest config;
      secrets = lib.filterAttrs isThere manifest.secrets;
      # A template is made when all of its secrets are there.
      isMade = _: template: builtins.all (need: !(manifest.secrets ? ${need}) || secrets ? ${need}) template.needs;
    in
    bindingsOf manifest.values (name: config.infra.values.${name}.value)
    ++ bindingsOf secrets (name: secrets.${name}.path)
    ++ [
      {
        _file = "infra";
        infra = {
          promised = manifest;
          delivered = {
            host = host.name;
            inherit secrets;
            templates = lib.filterAttrs isMade manifest.templates;
          };
        };
      }
    ];
}
