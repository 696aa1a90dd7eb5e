# Every package of packages.json under its nixpkgs name, with the few corrections Debian's files need.
{ lib, bootstrap, index }:
let
  finish = import ./finish.nix { inherit bootstrap; };

  # "1:9.2p1-2+deb12u7" -> "9.2p1": what nixpkgs calls the version.
  upstream = version:
    let
      noEpoch = lib.last (lib.splitString ":" version);
    in
    builtins.head (builtins.match "([^-+~]*).*" noEpoch);

  make = name: spec:
    let
      version = upstream index.debs.${builtins.head spec.roots}.version;
      drv = bootstrap.fromDebs "${name}-${version}" {
        inherit (spec) roots libs;
        keep = spec.keep or [ ];
        drop = spec.drop or [ ];
        finish = finish.${name} or "";
      };
    in
    drv // {
      pname = name;
      inherit version;
      meta = { description = "${name}, from Debian"; } // lib.optionalAttrs (spec ? mainProgram) { inherit (spec) mainProgram; };
    };
in
builtins.mapAttrs make index.packages
