# `shared` in host.toml: what it may name, and which modules it brings into scope.
{ infraLib, ... }:
let
  root = ../fixtures/shared;
  check =
    wanted:
    infraLib.shared.check {
      inherit root wanted;
      file = "hosts/web/host.toml";
    };
  select =
    file: wanted:
    map (path: builtins.replaceStrings [ "${toString root}/" ] [ "" ] (toString path)) (
      infraLib.shared.select { inherit root wanted file; }
    );
  outside = folder: {
    name = "`${folder}` is not inside the repository";
    expr = map (problem: problem.title) (check [ folder ]);
    expected = [
      "`shared` in hosts/web/host.toml names `${folder}`, which is not a folder inside the repository"
    ];
  };
  everything = [
    "modules/base/default.nix"
    "modules/site/default.nix"
  ];
in
map outside [
  "/etc"
  "../other"
  "modules/../.."
  "./modules"
  "modules//base"
  "modules/"
  ""
]
++ [
  {
    name = "no list is no problem";
    expr = check null;
    expected = [ ];
  }
  {
    name = "folders that exist";
    expr = check [
      "modules"
      "modules/base"
      "profiles"
    ];
    expected = [ ];
  }
  {
    name = "a slip";
    expr = check [ "modules/bsae" ];
    expected = [
      {
        code = "missing-file";
        title = "`shared` in hosts/web/host.toml names the folder `modules/bsae`, which does not exist";
        where = "hosts/web/host.toml";
        fix = "did you mean `modules/base`?";
      }
    ];
  }
  {
    name = "a stranger";
    expr = map (problem: problem.fix) (check [ "elsewhere" ]);
    expected = [ "known folders: modules, modules/base, modules/desktop, modules/site" ];
  }
  {
    name = "no list: all modules that have the file";
    expr = select "default.nix" null;
    expected = everything;
  }
  {
    name = "the whole folder";
    expr = select "default.nix" [ "modules" ];
    expected = everything;
  }
  {
    name = "one module";
    expr = select "default.nix" [ "modules/site" ];
    expected = [ "modules/site/default.nix" ];
  }
  {
    name = "nothing";
    expr = select "default.nix" [ ];
    expected = [ ];
  }
  {
    name = "homes take home.nix";
    expr = select "home.nix" null;
    expected = [ "modules/desktop/home.nix" ];
  }
]
