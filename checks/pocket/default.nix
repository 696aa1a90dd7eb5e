# The package set: nixpkgs' attribute names over Debian packages. One fixed point, so overlays work as in nixpkgs.
{ lib, index, system }:
let
  bootstrap = import ./packages/bootstrap.nix { inherit index system; };

  base = final:
    let
      call = file: import file { inherit lib bootstrap; pkgs = final; };
    in
    {
      inherit lib system;
      pkgs = final;
      overlays = [ ];
      config = { };
      inherit (bootstrap) busybox;
    }
    // import ./packages/debian.nix { inherit lib bootstrap index; }
    // call ./packages/stdenv.nix
    // call ./packages/text.nix
    // call ./packages/trees.nix
    // {
      formats = call ./packages/formats.nix;
      linuxPackages = { kernel = import ./packages/kernel.nix { inherit lib bootstrap index; }; };
      linuxPackages_latest = final.linuxPackages;
      linux = final.linuxPackages.kernel;
      # For pocket's own system modules; nixpkgs has nothing by this name.
      pocket = { inherit (bootstrap) run tools; };
    };

  # nixpkgs' overlay fixed point (`final: prev:`), with the two entries that extend it again.
  compose = overlays:
    let
      final = builtins.foldl' (prev: overlay: prev // overlay final prev) (base final) overlays // {
        inherit overlays;
        extend = overlay: compose (overlays ++ [ overlay ]);
        appendOverlays = more: compose (overlays ++ more);
      };
    in
    final;
in
compose [ ]
