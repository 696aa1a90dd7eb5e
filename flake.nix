{
  description = "infra: one repository of NixOS hosts, deployed as transactions";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;

      nixosModules = import ./modules;

      perSystem = import ./nix/flake/per-system.nix { inherit lib nixpkgs; };
    in
    {
      lib.mkInfra = import ./nix/flake/mk-infra.nix {
        inherit nixosModules;
        framework = self;
      };

      nixosModules = nixosModules // {
        default.imports = builtins.attrValues nixosModules;
      };

      templates.default = {
        path = ./templates/default;
        description = "The smallest repository that deploys: one host";
        welcomeText = ''
          # One host, `web`

          Write its address into `hosts/web/host.toml`, its hardware into `hosts/web/configuration.nix`, then:

              git add .
              nix develop --command infra deploy web
        '';
      };

      packages = perSystem ({ pkgs, ... }: import ./nix/flake/packages.nix { inherit lib pkgs; });

      apps = perSystem (
        { system, ... }:
        import ./nix/flake/apps.nix {
          inherit lib;
          packages = self.packages.${system};
        }
      );

      devShells = perSystem ({ pkgs, ... }: import ./nix/flake/dev-shell.nix { inherit lib pkgs; });

      checks = perSystem (
        { system, pkgs }:
        import ./nix/flake/checks.nix {
          inherit lib pkgs;
          packages = self.packages.${system};
        }
      );

      # Only where nixpkgs has one: a formatter that is not there is an error of `nix flake check`.
      formatter = lib.filterAttrs (_: formatter: formatter != null) (
        perSystem ({ pkgs, ... }: pkgs.nixfmt-tree or null)
      );

      overlays.default = final: _: {
        infra = final.callPackage ./nix/pkgs/infra.nix {
          agents = lib.optionalAttrs final.stdenv.hostPlatform.isLinux {
            ${final.stdenv.hostPlatform.system} = final.infra-agent;
          };
        };
        infra-agent = final.pkgsStatic.callPackage ./nix/pkgs/infra-agent.nix { };
      };
    };
}
