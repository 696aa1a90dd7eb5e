# Options of nixpkgs that pocket cannot honour and must not ignore. They exist so that the answer is a reason rather than
# "no such option"; a value other than the default is a failed assertion.
{ lib, config, ... }:
let
  inherit (lib) types;

  flag = { type = types.bool; default = false; };
  lines = { type = types.lines; default = ""; };
  attrs = { type = types.attrsOf types.unspecified; default = { }; };
  list = { type = types.listOf types.unspecified; default = [ ]; };
  name = { type = types.nullOr types.str; default = null; };

  initrd = "its initrd finds the root file system and nothing else";
  rules = "its firewall is nftables; write networking.firewall.extraInputRules";
  sessions = "it starts no user sessions";

  table = {
    "boot.extraModulePackages" = list // { why = "it builds no kernel modules"; };
    "boot.growPartition" = flag // { why = "its initrd changes no disk"; };
    "boot.initrd.luks.devices" = attrs // { why = initrd; };
    "boot.initrd.network.enable" = flag // { why = initrd; };
    "boot.initrd.network.ssh.enable" = flag // { why = initrd; };
    "boot.initrd.postDeviceCommands" = lines // { why = initrd; };
    "boot.initrd.postMountCommands" = lines // { why = initrd; };
    "boot.initrd.preDeviceCommands" = lines // { why = initrd; };
    "boot.initrd.secrets" = attrs // { why = initrd; };
    "boot.initrd.systemd.enable" = flag // { why = "its initrd is a shell script"; };
    "networking.dhcpcd.enable" = flag // { why = "networking.useDHCP is done by systemd-networkd"; };
    "networking.firewall.extraCommands" = lines // { why = rules; };
    "networking.firewall.extraStopCommands" = lines // { why = rules; };
    "networking.hostId" = name // { why = "it has no file system that asks for it"; };
    "networking.networkmanager.enable" = flag // { why = "pocket has no NetworkManager"; };
    "networking.wireless.enable" = flag // { why = "pocket has no wireless tools"; };
    "programs.ssh.startAgent" = flag // { why = sessions; };
    "security.sudo.execWheelOnly" = flag // { why = "sudo is the machine's own program"; };
    "services.openssh.startWhenNeeded" = flag // { why = "its sshd always runs"; };
    "services.resolved.enable" = flag // { why = "systemd-resolved is a package of its own in Debian, and not among pocket's"; };
    "services.timesyncd.enable" = flag // { why = "systemd-timesyncd is a package of its own in Debian, and not among pocket's"; };
    "system.userActivationScripts" = attrs // { why = sessions; };
  };

  path = lib.splitString ".";
in
{
  options = lib.foldlAttrs (all: option: spec: lib.recursiveUpdate all (lib.setAttrByPath (path option) (
    lib.mkOption { inherit (spec) type default; description = "Not supported by pocket: ${spec.why}."; }
  ))) { } table;

  config.assertions = lib.mapAttrsToList (option: spec: {
    assertion = lib.getAttrFromPath (path option) config == spec.default;
    message = "pocket cannot honour ${option}: ${spec.why}.";
  }) table;
}
