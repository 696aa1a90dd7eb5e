# Brings a change to its end that a boot has interrupted, or that is made by booting: the new system proves itself, or is booted back, also
# if nobody ever connects to it again.
{ config, lib, ... }:
let
  inherit (config.infra.agent) folder;
  agent = "${folder}/agent/current/infra-agent";

  unit = {
    unitConfig = {
      RequiresMountsFor = folder;
      ConditionPathExists = [
        agent
        "${folder}/change/current"
      ];
    };
    serviceConfig = {
      Type = "exec";
      ExecStart = "${agent} change recover";
      # What it answers is for a command that asks; what it does is in the log of the change.
      StandardOutput = "null";
      # Once a boot. Activations leave it alone, as they are part of a change themselves.
      RemainAfterExit = true;
    };
    restartIfChanged = false;
    stopIfChanged = false;
  };
in
{
  imports = [ ./interface.nix ];

  _file = "modules/changes/default.nix of infra";
  _class = "nixos";

  config = {
    environment.etc = lib.mkIf (config.infra.boot.once != null) {
      "infra/boot-once".source = config.infra.boot.once;
    };

    systemd.services = {
      # The agent looks for this name in a system before it boots it.
      infra-change = lib.recursiveUpdate unit {
        description = "Change of this host by infra that a boot is part of, or has interrupted";
        wantedBy = [ "multi-user.target" ];
        after = [ "infra-secrets.service" ];
      };

      # A system that does not come up: nothing else of it may be there.
      infra-change-emergency = lib.recursiveUpdate unit {
        description = "Change of this host by infra that has led to the emergency mode";
        wantedBy = [ "emergency.target" ];
        # It has to be told, without the usual dependencies.
        conflicts = [ "shutdown.target" ];
        before = [ "shutdown.target" ];
        unitConfig.DefaultDependencies = false;
        serviceConfig.RemainAfterExit = false;
      };
    };
  };
}
