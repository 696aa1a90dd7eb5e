# Our packages for one package set. None where it cannot build Rust: a stand-in for nixpkgs need not.
{ lib, pkgs }:
let
  inherit (pkgs.stdenv) hostPlatform;
  infra-agent = pkgs.pkgsStatic.callPackage ../pkgs/infra-agent.nix { };
  infra = pkgs.callPackage ../pkgs/infra.nix {
    agents = lib.optionalAttrs hostPlatform.isLinux { ${hostPlatform.system} = infra-agent; };
  };
in
lib.optionalAttrs (pkgs ? rustPlatform) (
  {
    inherit infra;
    default = infra;
  }
  // lib.optionalAttrs hostPlatform.isLinux { inherit infra-agent; }
)
