# The outputs for people and for `nix flake check`.
{
  nixpkgs,
  repository,
  ...
}:
let
  mixed = repository { root = ../fixtures/mixed; };
in
[
  {
    name = "nixosConfigurations are the NixOS hosts, and those too broken to tell";
    expr =
      map (name: mixed.nixosConfigurations ? ${name}) [
        "good"
        "guest"
        "throws"
        "several-mistakes"
        "linux"
        "container"
        "home"
      ];
    expected = [
      true
      true
      true
      true
      false
      false
      false
    ];
  }
  {
    name = "checks are the systems of that platform";
    expr = {
      good = mixed.checks.x86_64-linux.good.outPath == mixed.infra.hosts.good.system.toplevel.out;
      linux = mixed.checks.x86_64-linux ? linux;
    };
    expected = {
      good = true;
      linux = false;
    };
  }
  {
    name = "platforms are those nixpkgs has packages for";
    expr = builtins.attrNames (
      (repository {
        root = ../fixtures/mixed;
        inputs.nixpkgs = {
          inherit (nixpkgs) lib;
          legacyPackages.aarch64-linux = throw "the packages were forced";
        };
      }).packages
    );
    expected = [ "aarch64-linux" ];
  }
]
