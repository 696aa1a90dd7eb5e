# `networking.firewall`: one nftables table, loaded by firewall.service. Only what is declared here is in the table, and only
# the table is ever changed, so rules of the machine's own stay.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.networking.firewall;

  range = types.submodule {
    options = {
      from = mkOption { type = types.port; description = "The first port."; };
      to = mkOption { type = types.port; description = "The last port."; };
    };
  };
  ports = {
    allowedTCPPorts = mkOption { type = types.listOf types.port; default = [ ]; apply = v: lib.unique (lib.sort lib.lessThan v); description = "TCP ports open to everybody."; };
    allowedUDPPorts = mkOption { type = types.listOf types.port; default = [ ]; apply = v: lib.unique (lib.sort lib.lessThan v); description = "UDP ports open to everybody."; };
    allowedTCPPortRanges = mkOption { type = types.listOf range; default = [ ]; description = "Ranges of TCP ports."; };
    allowedUDPPortRanges = mkOption { type = types.listOf range; default = [ ]; description = "Ranges of UDP ports."; };
  };
  set = single: ranges: map toString single ++ map (r: "${toString r.from}-${toString r.to}") ranges;
  accept = match: protocol: elements: lib.optionalString (elements != [ ]) "    ${match}${protocol} dport { ${lib.concatStringsSep ", " elements} } accept\n";
  open = match: p: accept match "tcp" (set p.allowedTCPPorts p.allowedTCPPortRanges) + accept match "udp" (set p.allowedUDPPorts p.allowedUDPPortRanges);
  interfaces = names: "{ ${lib.concatMapStringsSep ", " (n: "\"${n}\"") names} }";

  rules = pkgs.writeText "firewall.nft" ''
    table inet nixos-fw
    delete table inet nixos-fw
    table inet nixos-fw {
      chain input {
        type filter hook input priority filter; policy drop;
        iifname ${interfaces ([ "lo" ] ++ cfg.trustedInterfaces)} accept
        ct state vmap { invalid : drop, established : accept, related : accept }
        icmpv6 type != echo-request accept
    ${lib.optionalString cfg.allowPing "    icmp type echo-request accept\n    icmpv6 type echo-request accept\n"}${open "" cfg}${lib.concatStrings (lib.mapAttrsToList (name: p: open "iifname \"${name}\" " p) cfg.interfaces)}${cfg.extraInputRules}
    ${lib.optionalString cfg.logRefusedConnections "    tcp flags syn / fin,syn,rst,ack limit rate 10/minute log level info prefix \"refused connection: \"\n"}${lib.optionalString cfg.rejectPackets "    reject\n"}  }
    }
  '';

  # The sshd of a machine with a userland of its own is in no configuration, so nothing here could name its port.
  start = pkgs.writeShellScript "firewall-start" ''
    set -e
    ${pkgs.nftables}/bin/nft -f ${rules}
    # Process 1 tells whose machine it is.
    case $(readlink /proc/1/exe) in /nix/store/*) exit 0 ;; esac
    if [ ${if config.services.openssh.enable then "1" else "0"} = 0 ]; then
      ${pkgs.nftables}/bin/nft add rule inet nixos-fw input tcp dport 22 accept comment '"the machine has its own sshd"'
    fi
  '';
in
{
  options.networking = {
    firewall = ports // {
      enable = mkOption { type = types.bool; default = true; description = "Whether only declared ports are open."; };
      interfaces = mkOption { type = types.attrsOf (types.submodule { options = ports; }); default = { }; description = "Ports open on one interface."; };
      trustedInterfaces = mkOption { type = types.listOf types.str; default = [ ]; description = "Interfaces from which everything is accepted."; };
      allowPing = mkOption { type = types.bool; default = true; description = "Whether pings are answered."; };
      logRefusedConnections = mkOption { type = types.bool; default = true; description = "Whether refused connections are logged."; };
      rejectPackets = mkOption { type = types.bool; default = false; description = "Whether the sender is told."; };
      extraInputRules = mkOption { type = types.lines; default = ""; description = "More nftables rules of the input chain."; };
      checkReversePath = mkOption { type = types.either types.bool (types.enum [ "strict" "loose" ]); default = true; description = "Accepted for nixpkgs' sake: pocket does not check it."; };
    };
    nftables.enable = mkOption { type = types.bool; default = true; description = "Accepted for nixpkgs' sake: pocket has nothing else."; };
  };

  config = lib.mkIf (cfg.enable && !config.boot.isContainer) {
    systemd.services.firewall = {
      description = "Firewall";
      wantedBy = [ "sysinit.target" ];
      after = [ "systemd-modules-load.service" "local-fs.target" ];
      before = [ "network-pre.target" "shutdown.target" ];
      wants = [ "network-pre.target" ];
      conflicts = [ "shutdown.target" ];
      # Reloading replaces the table in one step: there is no moment without rules, nor one that cuts us off.
      reloadIfChanged = true;
      unitConfig.DefaultDependencies = false;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = start;
        ExecReload = start;
        ExecStop = "${pkgs.nftables}/bin/nft delete table inet nixos-fw";
      };
    };
  };
}
