# The contract planes of the hosts, and `infra.planes`: those of many hosts in one process.
#
# With `.infra/context.json` a host's tree has all there is to know. Without it (`nix flake check`) the repository is whole, and hosts
# answer each other's wants directly.
{
  lib,
  infraLib,
  root,
  hosts,
}:
let
  inherit (infraLib) contract problem;

  unknownPeer = host: name: peer: [
    {
      code = "unknown-host";
      title = "`${name}` of host `${host.name}` is wanted from host `${peer}`, which does not exist";
      where = "hosts/${host.name}";
      fix = "known hosts: ${lib.concatStringsSep ", " (builtins.attrNames hosts)}";
    }
  ];

  noExport = host: name: peer: export: {
    code = "unknown-export";
    title = "`${name}` of host `${host.name}` wants `${export}` of host `${peer}`, which does not export it";
    where = "hosts/${peer}";
    fix = "exports of `${peer}`: ${
      lib.concatStringsSep ", " (builtins.attrNames ofHost.${peer}.config.infra.exports)
    }";
  };

  peersOf =
    host: name: from:
    if from.host != null then
      problem.unless (lib.optionals (!(hosts ? ${from.host})) (unknownPeer host name from.host)) [ from.host ]
    else if from.parent then
      lib.optional (host.parent != null) host.parent
    else
      builtins.filter (
        peer:
        peer != host.name
        && (
          if from.guests then
            hosts.${peer}.parent == host.name
          else
            builtins.elem from.tag hosts.${peer}.tags
        )
      ) (builtins.attrNames hosts);

  answer =
    host: name: want: peer:
    let
      exports = ofHost.${peer}.config.infra.exports;
      isAnswered = exports ? ${want.export};
    in
    # Of many, only those are asked who have something to say.
    lib.optional (isAnswered || !want.many) {
      name = peer;
      value = problem.unless (lib.optional (!isAnswered) (noExport host name peer want.export)) exports.${want.export}.value;
    };

  answersOf =
    host: name: want:
    lib.listToAttrs (lib.concatMap (answer host name want) (peersOf host name want.from));

  planeOf =
    tree: host:
    let
      found = contract.filled tree host.name;
      plane = contract.plane {
        root = tree;
        inherit host;
        filled =
          if found.plane == null then
            found // { wants = builtins.mapAttrs (answersOf host) plane.config.infra.wants; }
          else
            found;
      };
    in
    plane;

  ofHost = builtins.mapAttrs (_: planeOf root) hosts;

  # `.infra/plane/<h>/`: the plane tree of each host that is asked for, side by side.
  folder = root + "/.infra/plane";

  ofTree =
    name:
    let
      tree = folder + "/${name}";
      agreed = infraLib.settings.read (if builtins.pathExists (tree + "/infra.toml") then tree else root);
      host = infraLib.host.read {
        root = tree;
        inherit name;
        settings = agreed;
      };
      inherit (planeOf tree host) manifest;
      # One host's mistake must not take the others along; it is asked again alone, for its error.
      evaluated = builtins.tryEval (builtins.deepSeq manifest manifest);
    in
    if evaluated.success then
      {
        ok = true;
        manifest = evaluated.value;
      }
    else
      { ok = false; };
in
{
  inherit ofHost;

  batch = {
    schema = 1;
    hosts = lib.genAttrs (infraLib.folders.below folder) ofTree;
  };
}
