# What the needs of a host are filled with.
#
# The command writes it into the host's tree as `.infra/context.json`, from every source there is. Without the command (`nix flake
# check`, `nixos-rebuild`) there are the files of `context/`, in the same order: the host's own, the shared one, what the host itself answered.
{ lib, problem }:
let
  file = ".infra/context.json";

  noPlane = {
    plane = null;
  };

  unknownSchema = found: {
    code = "unknown-schema";
    title = "${file} has schema ${builtins.toJSON found}, and this version of infra reads schema 1";
    where = file;
    fix = "update the older of the two: the command, or the input `infra` in flake.lock";
  };

  fromCommand =
    path:
    let
      context = builtins.addErrorContext "while reading ${file}" (
        builtins.fromJSON (builtins.readFile path)
      );
      wrong = context.schema or null != 1;
    in
    problem.unless (lib.optional wrong (unknownSchema (context.schema or null))) {
      inherit (context) plane wants secrets;
      values = builtins.mapAttrs (_: value: { inherit file value; }) context.values;
    };

  # Where a secret is, and no value.
  isReference =
    value: builtins.isString value && builtins.match "(sops|agenix|command):.*" value != null;

  tableOf =
    root: name:
    lib.optionalAttrs (builtins.pathExists (root + "/${name}")) (
      builtins.addErrorContext "while reading ${name}" (
        builtins.mapAttrs (_: value: {
          file = name;
          inherit value;
        }) (builtins.fromTOML (builtins.readFile (root + "/${name}")))
      )
    );

  # What the host answered once, each with the question: { fact = "ipv4"; value = "192.0.2.7"; }.
  factsOf =
    root: host:
    builtins.mapAttrs (
      _: entry: {
        inherit (entry) file;
        inherit (entry.value) fact value;
      }
    ) (lib.filterAttrs (_: entry: entry.value ? fact && entry.value ? value) (tableOf root "context/facts/${host}.toml"));

  # Names of the encrypted files in a folder of `secrets/`.
  stored =
    root: folder:
    let
      path = root + "/secrets/${folder}";
      files = if builtins.pathExists path then builtins.attrNames (builtins.readDir path) else [ ];
    in
    map (lib.removeSuffix ".age") (builtins.filter (lib.hasSuffix ".age") files);

  fromFiles =
    root: host:
    let
      given =
        factsOf root host
        // tableOf root "context/shared.toml"
        // tableOf root "context/hosts/${host}.toml";
      references = lib.filterAttrs (_: entry: isReference entry.value) given;
    in
    noPlane
    // {
      values = removeAttrs given (builtins.attrNames references);
      wants = { };
      secrets = builtins.attrNames references ++ stored root "shared" ++ stored root "hosts/${host}";
    };
in
root: host:
let
  path = root + "/${file}";
in
(if builtins.pathExists path then fromCommand path else fromFiles root host)
// {
  inherit host;
  root = toString root;
}
