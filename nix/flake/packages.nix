# Our packages for one package set. None where it cannot build Rust: a stand-in for nixpkgs need not.
{ lib, pkgs }:
lib.optionalAttrs (pkgs ? rustPlatform) (
  {
    infra = pkgs.callPackage ../pkgs/infra.nix { };
    default = pkgs.callPackage ../pkgs/infra.nix { };
  }
  // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
    infra-agent = pkgs.pkgsStatic.callPackage ../pkgs/infra-agent.nix { };
  }
)
