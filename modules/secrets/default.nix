# Brings secrets to those who read them: unpacks what the host keeps sealed, and hands each service its own as systemd credentials.
#
# The agent unpacks while infra deploys, too. What is here is for the boot, when nobody is connected.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.infra.delivered;
  needs = cfg.secrets // cfg.templates;
  some = needs != { };
  beforeUsers = builtins.any (secret: secret.phase == "users") (builtins.attrValues cfg.secrets);

  # nixpkgs makes accounts while it activates, unless one of these units does.
  usersByUnits = lib.optional (config.systemd.sysusers.enable or false) "systemd-sysusers.service"
    ++ lib.optional (config.services.userborn.enable or false) "userborn.service";

  unpack = pkgs.writeShellScript "infra-unpack" (
    import ./unpack.nix { inherit (config.infra.agent) folder; }
  );

  # { name; value; } of each service and what it is given.
  consumers = lib.concatLists (
    lib.mapAttrsToList (
      name: need:
      map (unit: {
        service = lib.removeSuffix ".service" unit;
        credential = "${name}:${need.path}";
      }) need.units
    ) needs
  );

  serviceWith = given: {
    # Wanted, not required: a service that can live without its secret is not kept from it by another one's.
    wants = [ "infra-secrets.service" ];
    after = [ "infra-secrets.service" ];
    serviceConfig.LoadCredential = map (consumer: consumer.credential) given;
  };

  # The command says the same from the contract alone (Unserved in cli/model/src/fill.rs); this is for who builds without it.
  instead = {
    install = "Hand it over while you install, and declare it with `deploy = false`, so that it is kept and rotated with the others.";
    initrd = "Use phase = \"users\" if it is read once the root file system is there. A disk is unlocked by a TPM or a token (systemd-cryptenroll), or by a passphrase that is typed; a secret that you put into the initrd yourself can be kept here with `deploy = false`.";
  };
  unserved = lib.filterAttrs (_: secret: instead ? ${secret.phase}) cfg.secrets;

  whereOf =
    secret:
    lib.concatMapStringsSep " and " (
      place: if place ? line then "${place.file}:${toString place.line}" else place.file
    ) (secret.declared or [ ]);
in
{
  imports = [ ./interface.nix ];

  _file = "modules/secrets/default.nix of infra";
  _class = "nixos";

  config = {
    assertions = lib.mapAttrsToList (name: secret: {
      assertion = false;
      message = "The secret `${name}` of host `${cfg.host}` has phase = \"${secret.phase}\" (${whereOf secret}), which this version of infra does not bring to a host. ${instead.${secret.phase}}";
    }) unserved;

    systemd.services = lib.mkIf some (
      builtins.mapAttrs (_: serviceWith) (builtins.groupBy (consumer: consumer.service) consumers)
      // {
        infra-secrets = {
          description = "Secrets of this host, unpacked by infra";
          # Whoever consumes one wants it; this is for those who open the files themselves.
          wantedBy = [ "multi-user.target" ] ++ lib.optional (beforeUsers && usersByUnits != [ ]) "sysinit.target";
          before = lib.optionals beforeUsers usersByUnits;
          unitConfig = {
            RequiresMountsFor = config.infra.agent.folder;
          }
          // lib.optionalAttrs (beforeUsers && usersByUnits != [ ]) { DefaultDependencies = false; };
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            ExecStart = unpack;
          };
        };
      }
    );

    system.activationScripts = lib.mkIf (beforeUsers && usersByUnits == [ ]) {
      infraSecrets = {
        deps = [ "specialfs" ];
        # A failure is told and does not keep the system from being activated: it would keep the accounts from being made.
        text = ''
          # Secrets that accounts are made with
          ${unpack} || echo "infra: the secrets of this host are not unpacked; accounts may lack their passwords" >&2
        '';
      };
      users.deps = [ "infraSecrets" ];
    };
  };
}
