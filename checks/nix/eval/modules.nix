# Each of our modules alone, as somebody would import it without the rest.
{
  lib,
  nixpkgs,
  repository,
}:
let
  ours = import ../../../modules;

  least = {
    imports = [ ../fixtures/mixed/hosts/good/configuration.nix ];
    networking.hostName = "alone";
    nixpkgs.hostPlatform = "x86_64-linux";
  };

  systemWith = modules: nixpkgs.lib.nixosSystem { modules = modules ++ [ least ]; };

  # Options of a module are those that name it as their place.
  declares =
    option:
    builtins.any (lib.hasSuffix " of infra") (map toString (option.declarations or [ ]));

  ownOptions =
    name:
    builtins.filter declares (
      lib.collect lib.isOption (systemWith [ ours.${name} ]).options.infra
    );

  perModule = name: [
    {
      name = "${name} evaluates alone";
      expr = lib.hasPrefix builtins.storeDir (systemWith [ ours.${name} ]).config.system.build.toplevel.outPath;
      expected = true;
    }
    {
      name = "${name} has options, and they are described";
      expr = {
        some = ownOptions name != [ ];
        undescribed = map (option: lib.showOption option.loc) (
          builtins.filter (option: !(option ? description) || option.description == "") (ownOptions name)
        );
      };
      expected = {
        some = true;
        undescribed = [ ];
      };
    }
  ];

  facterWith =
    options:
    (lib.evalModules {
      modules = [
        (import ../../../nix/eval/classes/facter.nix { name = "web"; } /report.json)
        { inherit options; }
      ];
    }).config;
  anything = lib.mkOption { type = lib.types.raw; };

  # modules/secrets where a unit makes the accounts, as newer systems may have it. The stand-in has no such option.
  unpackingBefore =
    units:
    (lib.evalModules {
      class = "nixos";
      specialArgs.pkgs.writeShellScript = name: _: name;
      modules = [
        ours.secrets
        units
        {
          options = {
            assertions = anything;
            systemd.services = lib.mkOption { type = lib.types.attrsOf lib.types.raw; };
            systemd.sysusers.enable = lib.mkOption { default = false; };
            services.userborn.enable = lib.mkOption { default = false; };
            system.activationScripts = lib.mkOption {
              type = lib.types.attrsOf lib.types.raw;
              default = { };
            };
          };
          config.infra.delivered.secrets.password = {
            phase = "users";
            path = "/run/infra/secrets/password";
            units = [ ];
          };
        }
      ];
    }).config;
  withUserborn = unpackingBefore { services.userborn.enable = true; };
in
lib.concatMap perModule (builtins.attrNames ours)
++ [
  {
    name = "identity falls back to the machine's own name";
    expr =
      builtins.fromJSON
        (systemWith [ ours.identity ]).config.environment.etc."infra/host.json".text;
    expected = {
      schema = 1;
      host = "alone";
      class = "nixos";
    };
  }
  {
    # The agent looks for the first by name before it boots a system.
    name = "a boot goes on with a change, and so does the emergency mode";
    expr = lib.mapAttrs (_: unit: { inherit (unit) wantedBy restartIfChanged; inherit (unit.serviceConfig) ExecStart; }) (
      lib.filterAttrs (name: _: lib.hasPrefix "infra-change" name) (systemWith [ ours.changes ]).config.systemd.services
    );
    expected =
      let
        unit = wantedBy: {
          wantedBy = [ wantedBy ];
          restartIfChanged = false;
          ExecStart = "/var/lib/infra/agent/current/infra-agent change recover";
        };
      in
      {
        infra-change = unit "multi-user.target";
        infra-change-emergency = unit "emergency.target";
      };
  }
  {
    name = "in the emergency mode it needs nothing of a boot, and ends with the host";
    expr = {
      inherit ((systemWith [ ours.changes ]).config.systemd.services.infra-change-emergency) before conflicts after requires;
      inherit ((systemWith [ ours.changes ]).config.systemd.services.infra-change-emergency.unitConfig) DefaultDependencies;
    };
    expected = {
      before = [ "shutdown.target" ];
      conflicts = [ "shutdown.target" ];
      after = [ ];
      requires = [ ];
      DefaultDependencies = false;
    };
  }
  {
    name = "a program that boots once is where the agent looks for it, and nothing is there without";
    expr = map (once: (systemWith [ ours.changes { infra.boot = { inherit once; }; } ]).config.environment.etc ? "infra/boot-once") [ null ./modules.nix ];
    expected = [ false true ];
  }
  {
    name = "where a unit makes accounts, secrets are unpacked before it";
    expr = {
      inherit (withUserborn.systemd.services.infra-secrets) before wantedBy;
      early = withUserborn.systemd.services.infra-secrets.unitConfig.DefaultDependencies;
      inherit (withUserborn.system) activationScripts;
    };
    expected = {
      before = [ "userborn.service" ];
      wantedBy = [
        "multi-user.target"
        "sysinit.target"
      ];
      early = false;
      activationScripts = { };
    };
  }
  {
    name = "and in the activation where the activation does";
    expr = builtins.attrNames (unpackingBefore { }).system.activationScripts;
    expected = [
      "infraSecrets"
      "users"
    ];
  }
  {
    name = "facter.json goes where nixpkgs reads it";
    expr = facterWith { hardware.facter.reportPath = anything; };
    expected.hardware.facter.reportPath = /report.json;
  }
  {
    name = "or where nixos-facter's own module does";
    expr = facterWith { facter.reportPath = anything; };
    expected.facter.reportPath = /report.json;
  }
  {
    name = "and is an error where nobody does";
    expr =
      let
        failed = builtins.head (facterWith { assertions = anything; }).assertions;
      in
      {
        inherit (failed) assertion;
        named = lib.hasPrefix "hosts/web/facter.json is there, but nothing reads it" failed.message;
      };
    expected = {
      assertion = false;
      named = true;
    };
  }
]
