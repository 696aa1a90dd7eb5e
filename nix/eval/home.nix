# homes/<user> on a host: Home Manager on its own, so a home is evaluated and deployed without the system it lives on.
{
  lib,
  infraLib,
  inputs,
  root,
}:
let
  home-manager = infraLib.requireInput {
    inherit inputs;
    name = "home-manager";
    url = "github:nix-community/home-manager";
    for = "homes";
    where = "flake.nix";
  };

  # Where the system keeps homes. A home.nix that disagrees wins.
  directoryOf =
    host: user:
    if lib.hasSuffix "-darwin" host.system then
      "/Users/${user}"
    else if user == "root" then
      "/root"
    else
      "/home/${user}";
in
host: user:
home-manager.lib.homeManagerConfiguration {
  pkgs = inputs.nixpkgs.legacyPackages.${host.system};
  extraSpecialArgs = {
    inherit inputs;
    infra = host // {
      types = infraLib.types.offered;
    };
  };
  modules =
    infraLib.shared.select {
      inherit root;
      wanted = host.shared;
      file = "home.nix";
    }
    ++ [
      {
        _file = "homes/${user}";
        home.username = lib.mkDefault user;
        home.homeDirectory = lib.mkDefault (directoryOf host user);
      }
      (root + "/homes/${user}/home.nix")
    ];
}
