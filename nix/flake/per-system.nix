# An output for each system people run `infra` on, as far as this nixpkgs has packages for it.
{ lib, nixpkgs }:
let
  systems = builtins.filter (system: nixpkgs.legacyPackages ? ${system}) [
    "x86_64-linux"
    "aarch64-linux"
    "x86_64-darwin"
    "aarch64-darwin"
  ];
in
output:
lib.genAttrs systems (
  system:
  output {
    inherit system;
    pkgs = nixpkgs.legacyPackages.${system};
  }
)
