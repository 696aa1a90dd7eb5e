{
  description = "Two hosts with secrets: a page that asks for a password, and the database behind it";

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
