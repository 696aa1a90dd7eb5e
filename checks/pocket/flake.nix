{
  description = "pocket: the outputs of nixpkgs that infra uses, made of Debian packages, for machines without a network";

  # Staged by ./stage, which adds ./debs.json and (with --lib) may put another library at ./lib.
  outputs =
    { self }:
    let
      system = "x86_64-linux";
      index = builtins.fromJSON (builtins.readFile ./debs.json);
      plainLib = import ./lib;
      lib = plainLib // {
        nixosSystem = import ./nixos/eval.nix { inherit lib; packages = legacyPackages.${system}; };
      };
      legacyPackages.${system} = import ./default.nix { inherit lib index system; };
    in
    {
      inherit lib legacyPackages;
    };
}
