# Folders of links: nixpkgs' symlinkJoin, buildEnv and linkFarm.
{ lib, pkgs, bootstrap }:
let
  # Links every file below each path, or below each wanted folder of each path, into one tree. The first path wins.
  join = ''
    add() { # SOURCE-DIR TARGET-DIR
      local entry base links=()
      [ -d "$1" ] || return 0
      mkdir -p "$2"
      for entry in "$1"/* "$1"/.[!.]*; do
        [ -e "$entry" ] || [ -L "$entry" ] || continue
        base=''${entry##*/}
        if [ -d "$entry" ]; then
          if [ -L "$2/$base" ]; then echo "$name: $entry is a folder, $(readlink "$2/$base") is a file" >&2; exit 1; fi
          add "$entry" "$2/$base"
        elif [ -L "$2/$base" ]; then
          if [ -z "$ignoreCollisions" ] && ! cmp -s "$entry" "$2/$base"; then
            echo "$name: collision between $entry and $(readlink "$2/$base")" >&2; exit 1
          fi
        else
          links+=("$entry")
        fi
      done
      [ ''${#links[@]} = 0 ] || ln -s "''${links[@]}" "$2/"
    }
    mkdir -p "$out"
    for path in $paths; do
      for wanted in $pathsToLink; do
        if [ "$wanted" = / ]; then add "$path" "$out$prefix"; else add "$path$wanted" "$out$prefix$wanted"; fi
      done
    done
  '';

  buildEnv =
    { name ? "${pname}-${version}"
    , pname ? null
    , version ? null
    , paths
    , pathsToLink ? [ "/" ]
    , extraPrefix ? ""
    , ignoreCollisions ? false
    , postBuild ? ""
    , meta ? { }
    , passthru ? { }
    , nativeBuildInputs ? [ ]
    , buildInputs ? [ ]
    , extraOutputsToInstall ? [ ] # Debian packages are not split into outputs
    , checkCollisionContents ? true
    , ...
    }:
    let
      drv = derivation {
        inherit name;
        inherit (bootstrap) system;
        builder = "${pkgs.bash}/bin/bash";
        PATH = lib.makeBinPath (nativeBuildInputs ++ buildInputs ++ [ bootstrap.busybox ]);
        paths = map toString (lib.remove null paths);
        inherit pathsToLink ignoreCollisions;
        prefix = extraPrefix;
        args = [ "-euc" "${join}\n${postBuild}" ];
      };
    in
    drv // passthru // { inherit meta; };

  entries = given: if builtins.isAttrs given then lib.mapAttrsToList (name: path: { inherit name path; }) given else given;

  linkFarm = name: given: derivation {
    inherit name;
    inherit (bootstrap) system;
    builder = "${bootstrap.busybox}/bin/sh";
    PATH = "${bootstrap.busybox}/bin";
    args = [
      "-euc"
      ''
        mkdir -p "$out"; cd "$out"
        ${lib.concatMapStrings (entry: ''
          mkdir -p "$(dirname ${lib.escapeShellArg entry.name})"
          ln -sfn ${lib.escapeShellArg "${entry.path}"} ${lib.escapeShellArg entry.name}
        '') (entries given)}
      ''
    ];
  };
in
{
  inherit buildEnv linkFarm;
  symlinkJoin = args: buildEnv ({ ignoreCollisions = true; } // args // { paths = args.paths ++ args.extraPaths or [ ]; });
  linkFarmFromDrvs = name: drvs: linkFarm name (map (drv: { inherit (drv) name; path = drv; }) drvs);
  emptyFile = pkgs.writeText "empty-file" "";
  emptyDirectory = bootstrap.run "empty-directory" { } "mkdir $out";
}
