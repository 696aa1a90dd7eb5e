# What the system plane declares beyond, or otherwise than, the contract plane. Everything that was promised before a build, seals
# secrets, and answers `infra contract` comes from the contract plane; a need it does not know would be filled by nobody.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    ;

  kinds = manifest: {
    inherit (manifest)
      secrets
      values
      recipes
      exports
      wants
      templates
      ;
    inherit (manifest.probes) probes;
  };

  filesOf =
    need:
    if need.declared == [ ] then
      "an unknown file"
    else
      lib.concatStringsSep " and " (
        lib.unique (map (place: if place ? line then "${place.file}:${toString place.line}" else place.file) need.declared)
      );

  # Where it is declared may differ: configuration.nix may say again what contract.nix says.
  fields = need: removeAttrs need [ "declared" ];
in
{
  plane, # the manifest of the contract plane
  system, # the manifest of the system plane
}:
let
  # Messages of one kind.
  compare =
    kind: promised: found:
    let
      only = a: b: filter (name: !(b ? ${name})) (attrNames a);
      both = filter (name: promised ? ${name}) (attrNames found);
      differing =
        name:
        let
          a = fields promised.${name};
          b = fields found.${name};
          keys = lib.unique (attrNames a ++ attrNames b);
        in
        filter (key: !(a ? ${key} && b ? ${key} && a.${key} == b.${key})) keys;
      moveTo = "hosts/${plane.host}/contract.nix, or to the contract.nix of a module";
    in
    map (
      name:
      "`infra.${kind}.${name}` is declared only in the system, in ${filesOf found.${name}}: the contract of host `${plane.host}` does not know it, so nothing fills it. Move it to ${moveTo}."
    ) (only found promised)
    ++ map (
      name:
      "`infra.${kind}.${name}` is declared in the contract of host `${plane.host}`, in ${filesOf promised.${name}}, and not in its system. Make the condition there depend on options of contracts alone."
    ) (only promised found)
    ++ concatMap (
      name:
      let
        keys = differing name;
      in
      lib.optional (keys != [ ]) "`infra.${kind}.${name}` differs between the contract and the system of host `${plane.host}` in: ${lib.concatStringsSep ", " keys} (${
        filesOf found.${name}
      }). Say it in contract.nix alone: move the other to ${moveTo}."
    ) both;

  promised = kinds plane;
  found = kinds system;
in
concatMap (kind: compare kind promised.${kind} found.${kind}) (attrNames promised)
++ lib.optional (plane.probes.enable != system.probes.enable) "`infra.probes.enable` differs between the contract and the system of host `${plane.host}`. Set it in hosts/${plane.host}/contract.nix."
