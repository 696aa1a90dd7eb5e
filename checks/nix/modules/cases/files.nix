# Functions about paths, files and sources.
{ lib, fixtures, ... }:
{
  import-data = {
    expr = [
      (lib.importJSON (fixtures + "/n.json"))
      (lib.importTOML (fixtures + "/n.toml"))
    ];
    expected = [
      { n = 5; }
      { n = 6; }
    ];
  };

  path-functions = {
    expr = with lib.path; [
      (append /a "b/c" == /a/b/c)
      (hasPrefix /a /a/b)
      (hasPrefix /a /ab)
      (removePrefix /a /a/b/c)
      (removePrefix /a /a)
      (subpath.isValid "a/./b")
      (subpath.isValid "../a")
      (subpath.isValid "/a")
      (subpath.normalise "./a//b/.")
      (subpath.join [
        "a"
        "./b/"
      ])
      (subpath.join [ ])
      (subpath.components "a//b")
      (splitRoot /a/b).subpath
      (hasStorePathPrefix /nix/store/0123456789abcdfghijklmnpqrsvwxyz-a/x)
      (hasStorePathPrefix /nix/store)
    ];
    expected = [
      true
      true
      false
      "./b/c"
      "./."
      true
      false
      false
      "./a/b"
      "./a/b"
      "./."
      [
        "a"
        "b"
      ]
      "./a/b"
      true
      false
    ];
  };
  path-append-upwards = {
    expr = lib.path.append /a "../b";
    error = [
      "lib.path.append: Second argument is not a valid subpath string:"
      "The given string \"../b\" contains a `..` component, which is not allowed in subpaths"
    ];
  };
  path-has-prefix-of-a-string = {
    expr = lib.path.hasPrefix "/a" /a/b;
    error = [ "lib.path.hasPrefix: First argument is of type string, but a path was expected" ];
  };
  files = {
    expr = with lib.filesystem; [
      (map (p: lib.removePrefix (toString fixtures) (toString p)) (listFilesRecursive (fixtures + "/tree")))
      (pathType (fixtures + "/tree"))
      (pathIsDirectory (fixtures + "/tree"))
      (pathIsRegularFile (fixtures + "/n.json"))
      (pathIsDirectory (fixtures + "/missing"))
    ];
    expected = [
      [
        "/tree/below/two.txt"
        "/tree/one.txt"
      ]
      "directory"
      true
      true
      false
    ];
  };
  source-filters = {
    expr = map (f: lib.cleanSourceFilter f.path f.type) [
      {
        path = "/r/.git";
        type = "directory";
      }
      {
        path = "/r/main.nix";
        type = "regular";
      }
      {
        path = "/r/main.nix~";
        type = "regular";
      }
      {
        path = "/r/result";
        type = "symlink";
      }
      {
        path = "/r/.main.nix.swp";
        type = "regular";
      }
      {
        path = "/r/socket";
        type = "unknown";
      }
    ];
    expected = [
      false
      true
      false
      false
      false
      false
    ];
  };
  source-filters-combine = {
    expr =
      let
        src = lib.cleanSourceWith {
          src = lib.cleanSource fixtures;
          filter = path: _: lib.hasSuffix ".nix" path;
          name = "mine";
        };
        keeps = name: src.filter (toString fixtures + "/${name}") "regular";
      in
      [
        (keeps "sets-n.nix")
        (keeps "n.json")
        (keeps ".git")
        src.name
      ];
    expected = [
      true
      false
      false
      "mine"
    ];
  };
}
