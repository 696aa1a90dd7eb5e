{
  description = "Two hosts: a web server and a database";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.infra = {
    url = "github:infra-nix/infra";
    inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    inputs:
    inputs.infra.lib.mkInfra {
      inherit inputs;
      root = ./.;
    };
}
