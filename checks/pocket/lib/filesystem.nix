# Files seen while evaluating.
{ lib }:
let
  inherit (builtins)
    pathExists
    readDir
    readFileType
    ;
  isType = type: path: pathExists path && readFileType path == type;

  listFilesRecursive =
    dir:
    builtins.concatLists (
      lib.mapAttrsToList (
        name: type: if type == "directory" then listFilesRecursive (dir + "/${name}") else [ (dir + "/${name}") ]
      ) (readDir dir)
    );

  # { a.b } from a/b.nix and a/b/package.nix
  packagesFrom =
    callPackage: dir:
    let
      entry =
        name: type:
        if type == "directory" then
          { ${name} = packagesFrom callPackage (dir + "/${name}"); }
        else if type == "regular" && lib.hasSuffix ".nix" name then
          { ${lib.removeSuffix ".nix" name} = callPackage (dir + "/${name}") { }; }
        else if type == "regular" then
          { }
        else
          throw "lib.filesystem.packagesFromDirectoryRecursive: Unsupported file type ${type} at path ${toString dir}/${name}";
    in
    if pathExists (dir + "/package.nix") then
      callPackage (dir + "/package.nix") { }
    else
      lib.concatMapAttrs entry (readDir dir);
in
{
  inherit (builtins)
    baseNameOf
    dirOf
    hashFile
    isPath
    readDir
    readFileType
    ;
  inherit listFilesRecursive;
  pathType = readFileType;
  pathIsDirectory = isType "directory";
  pathIsRegularFile = isType "regular";
  packagesFromDirectoryRecursive = { callPackage, directory }: packagesFrom callPackage directory;
  resolveDefaultNix =
    path:
    if isType "directory" path then
      path + "/default.nix"
    else if lib.isString path && lib.hasSuffix "/" path then
      path + "default.nix"
    else
      path;
}
