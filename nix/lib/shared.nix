# Shared modules: the folders of `modules/`. A host has all of them in scope, or those its `shared` lists.
{
  lib,
  folders,
  nearest,
}:
let
  # `modules`, `modules/web`, `profiles`: relative, and never out of the repository.
  isInside = folder: builtins.match "[^./][^/]*(/[^./][^/]*)*" folder != null;

  nameOf = module: "modules/${module}";

  # The shared modules that have a file of this name: `default.nix` for systems, `home.nix` for homes.
  withFile =
    root: file:
    builtins.filter (module: builtins.pathExists (root + "/${nameOf module}/${file}")) (
      folders.below (root + "/modules")
    );

  problemOf =
    root: file: isWhole: folder:
    let
      known = [ "modules" ] ++ map nameOf (folders.below (root + "/modules"));
      near = nearest.find folder known;
    in
    if !isInside folder then
      [
        {
          code = "wrong-type";
          title = "`shared` in ${file} names `${folder}`, which is not a folder inside the repository";
          where = file;
          fix = "write it relative to the repository, without `..`: shared = [\"modules\"]";
        }
      ]
    else
      lib.optional (isWhole && !builtins.pathExists (root + "/${folder}")) {
        code = "missing-file";
        title = "`shared` in ${file} names the folder `${folder}`, which does not exist";
        where = file;
        fix =
          if near == null then
            "known folders: ${lib.concatStringsSep ", " known}"
          else
            "did you mean `${near}`?";
      };
in
{
  # Problems with the list `wanted` of a host.toml (null: no list).
  check =
    {
      root,
      file,
      wanted,
      # Whether all of the repository is there. A tree for contracts alone lacks the folders that have none.
      isWhole ? true,
    }:
    lib.concatMap (problemOf root file isWhole) (if wanted == null then [ ] else wanted);

  # Paths of the modules in scope, by file name.
  select =
    {
      root,
      wanted,
      file,
    }:
    let
      isWanted =
        module:
        wanted == null || builtins.elem "modules" wanted || builtins.elem (nameOf module) wanted;
    in
    map (module: root + "/${nameOf module}/${file}") (
      builtins.filter isWanted (withFile root file)
    );
}
