# `networking.hostName` and the files of names: hostname, hosts, resolv.conf, nsswitch.conf.
{ lib, config, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.networking;

  declared = cfg.hosts != { } || cfg.extraHosts != "";
  line = address: names: lib.optionalString (names != [ ]) "${address} ${toString names}\n";
in
{
  options.networking = {
    hostName = mkOption {
      type = types.strMatching "^$|^[[:alnum:]]([[:alnum:]_-]{0,61}[[:alnum:]])?$";
      default = config.system.nixos.distroId;
      defaultText = lib.literalExpression "config.system.nixos.distroId";
      description = "The machine's name; empty leaves the one it has.";
    };
    domain = mkOption { type = types.nullOr types.str; default = null; description = "Its domain."; };
    fqdn = mkOption {
      type = types.str;
      readOnly = true;
      default = if cfg.domain != null then "${cfg.hostName}.${cfg.domain}" else throw "The FQDN is required but cannot be determined from `networking.hostName` and `networking.domain`. Please ensure these options are set properly.";
      defaultText = lib.literalMD "name and domain";
      description = "Its full name.";
    };
    fqdnOrHostName = mkOption { type = types.str; readOnly = true; default = if cfg.domain != null then cfg.fqdn else cfg.hostName; defaultText = lib.literalMD "the full name if there is one"; description = "Its full name, or its name."; };
    hosts = mkOption { type = types.attrsOf (types.listOf types.str); default = { }; example = { "10.0.0.2" = [ "db" ]; }; description = "Names of addresses."; };
    extraHosts = mkOption { type = types.lines; default = ""; description = "More lines of /etc/hosts."; };
    search = mkOption { type = types.listOf types.str; default = [ ]; description = "Domains tried for short names."; };
    nameservers = mkOption { type = types.listOf types.str; default = [ ]; description = "Name servers."; };
    timeServers = mkOption { type = types.listOf types.str; default = [ ]; description = "Time servers, for systemd-timesyncd."; };
  };

  config = {
    environment.etc = {
      hostname = lib.mkIf (cfg.hostName != "") { text = cfg.hostName + "\n"; };

      # A machine's own file may hold what its network needs; it gives way only to names somebody declared.
      hosts = {
        yield = !declared;
        text = "127.0.0.1 localhost\n::1 localhost\n"
          + lib.optionalString (cfg.hostName != "") "127.0.0.2 ${lib.optionalString (cfg.domain != null) "${cfg.fqdn} "}${cfg.hostName}\n"
          + lib.concatStrings (lib.mapAttrsToList line cfg.hosts)
          + cfg.extraHosts;
      };
      "resolv.conf" = lib.mkIf (cfg.nameservers != [ ]) {
        text = lib.optionalString (cfg.search != [ ]) "search ${toString cfg.search}\n" + lib.concatMapStrings (s: "nameserver ${s}\n") cfg.nameservers;
      };
      "nsswitch.conf" = { yield = true; text = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"; };
      "systemd/timesyncd.conf.d/pocket.conf" = lib.mkIf (cfg.timeServers != [ ]) { text = "[Time]\nNTP=${toString cfg.timeServers}\n"; };
    };

    system.activationScripts.hostname = {
      supportsDryActivation = true;
      deps = [ "etc" ];
      text = lib.optionalString (cfg.hostName != "") ''
        # The running kernel's idea of the name
        if [ "$(hostname)" != ${lib.escapeShellArg cfg.hostName} ]; then
          if [ "''${NIXOS_ACTION:-}" = dry-activate ]; then echo "would set the hostname to ${cfg.hostName}"; else hostname ${lib.escapeShellArg cfg.hostName}; fi
        fi
      '';
    };
  };
}
