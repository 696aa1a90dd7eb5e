# What is said about packages, and their main programs.
{ lib }:
let
  inherit (builtins) match;
  addMetaAttrs =
    new: drv:
    if drv ? overrideAttrs then
      drv.overrideAttrs (old: { meta = (old.meta or { }) // new; })
    else
      drv // { meta = (drv.meta or { }) // new; };
  setPrio = priority: addMetaAttrs { inherit priority; };

  getExe' =
    pkg: program:
    assert lib.assertMsg (lib.isDerivation pkg) "lib.meta.getExe': The first argument is of type ${builtins.typeOf pkg}, but it should be a derivation instead.";
    assert lib.assertMsg (lib.isString program) "lib.meta.getExe': The second argument is of type ${builtins.typeOf program}, but it should be a string instead.";
    assert lib.assertMsg (match ".*/.*" program == null) "lib.meta.getExe': The second argument \"${program}\" is a nested path with a \"/\" character, but it should just be the name of the executable instead.";
    "${lib.getBin pkg}/bin/${program}";
in
{
  inherit addMetaAttrs getExe' setPrio;

  dontDistribute = addMetaAttrs { hydraPlatforms = [ ]; };
  setName = name: drv: drv // { inherit name; };
  updateName = updater: drv: drv // { name = updater drv.name; };
  lowPrio = setPrio 10;
  hiPrio = setPrio (-10);

  getExe =
    pkg:
    getExe' pkg (
      pkg.meta.mainProgram
        or (lib.warn "getExe: Package ${
          lib.strings.escapeNixIdentifier pkg.meta.name or pkg.pname or pkg.name
        } does not have the meta.mainProgram attribute. Its name without the version is taken for the program; set meta.mainProgram, or use getExe' to name the program here." (
          lib.getName pkg
        ))
    );
}
