# Contracts in systems: what is bound, what services are given, and that both planes must say the same.
{
  lib,
  nixpkgs,
  repository,
}:
let
  root = ../fixtures/contracts;
  inherit (repository { inherit root; }) infra nixosConfigurations;

  configOf = host: nixosConfigurations.${host}.config;
  good = configOf "good";
  phases = configOf "phases";
  vault = repository { root = ../../../examples/vault; };

  succeeds = value: (builtins.tryEval (builtins.deepSeq value true)).success;
  failed = host: map (a: a.message) (builtins.filter (a: !a.assertion) (configOf host).assertions);
  begins = beginnings: messages: lib.zipListsWith lib.hasPrefix beginnings messages ++ [ (builtins.length messages == builtins.length beginnings) ];
in
[
  {
    name = "the manifest through the system is that of the plane";
    expr = infra.hosts.good.manifest == infra.plane.good;
    expected = true;
  }
  {
    name = "so it is for the examples";
    expr = builtins.mapAttrs (_: host: host.manifest) vault.infra.hosts == vault.infra.plane;
    expected = true;
  }
  {
    name = "values are bound to options";
    expr = good.environment.etc."site/title.html".text;
    expected = "From context/hosts";
  }
  {
    name = "secrets are bound by their path, unless they are optional and not there";
    expr = [
      good.environment.etc.token-path.text
      (good.environment.etc ? spare-path)
    ];
    expected = [
      "/run/infra/secrets/token"
      false
    ];
  }
  {
    name = "a service is given its secrets and templates, after they are unpacked";
    expr = {
      inherit (good.systemd.services.web) after wants;
      inherit (good.systemd.services.web.serviceConfig) LoadCredential;
    };
    expected = {
      after = [ "infra-secrets.service" ];
      wants = [ "infra-secrets.service" ];
      LoadCredential = [
        "auth:/run/infra/templates/auth"
        "token:/run/infra/secrets/token"
      ];
    };
  }
  {
    name = "a host that needs nothing unpacks nothing";
    expr = (configOf "unfilled").systemd.services ? infra-secrets;
    expected = false;
  }
  {
    name = "what accounts are made with is unpacked before them";
    expr = {
      inherit (phases.system.activationScripts.users) deps;
      file = phases.users.users.root.hashedPasswordFile;
    };
    expected = {
      deps = [ "infraSecrets" ];
      file = "/run/infra/secrets/password";
    };
  }
  {
    name = "a host without such secrets makes its accounts as ever";
    expr = good.system.activationScripts ? infraSecrets;
    expected = false;
  }
  {
    name = "a phase that nothing serves is refused";
    expr = begins [ "The secret `disk` of host `phases` has phase = \"initrd\" (hosts/phases/contract.nix:2), which this version of infra does not bring to a host. Use phase = \"users\"" ] (failed "phases");
    expected = [
      true
      true
    ];
  }
  {
    name = "what only a system declares is refused, and told where it belongs";
    expr = begins [
      "`infra.secrets.only-here` is declared only in the system, in hosts/inline/configuration.nix:4: the contract of host `inline` does not know it"
      "`infra.secrets.token` differs between the contract and the system of host `inline` in: mode (hosts/inline/configuration.nix:3 and hosts/inline/contract.nix:2)"
    ] (lib.naturalSort (failed "inline"));
    expected = [
      true
      true
      true
    ];
  }
  {
    name = "a contract that reads the system: through the system";
    expr = {
      plane = succeeds infra.plane.reads-system;
      secrets = builtins.attrNames infra.hosts.reads-system.manifest.secrets;
      bound = (configOf "reads-system").environment.etc.token-path.text;
      failed = failed "reads-system";
    };
    expected = {
      plane = false;
      secrets = [ "token" ];
      bound = "/run/infra/secrets/token";
      failed = [ ];
    };
  }
  {
    name = "a system whose value is open fails where it is read, and nowhere else";
    expr = [
      (succeeds (configOf "unfilled").networking.hostName)
      (succeeds (configOf "unfilled").environment.etc.title.text)
      (succeeds infra.plane.unfilled)
    ];
    expected = [
      true
      false
      true
    ];
  }
  {
    name = "systems of hosts with secrets evaluate";
    expr = map (host: succeeds vault.infra.hosts.${host}.system) [
      "app"
      "db"
    ];
    expected = [
      true
      true
    ];
  }
  {
    name = "no secret and no place of a repository is in a system";
    expr =
      let
        text = builtins.toJSON vault.nixosConfigurations.app.config.systemd.services.page.serviceConfig;
      in
      lib.hasInfix "placeholder" text || lib.hasInfix "<infra:secret" text;
    expected = false;
  }
]
