# `services.openssh`: sshd.service from pocket's own OpenSSH. On a machine whose userland has an sshd.service of its own,
# that one stays (switch/ says so): two servers cannot share a port, and the machine must stay reachable.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.openssh;

  flag = default: description: mkOption { type = types.bool; inherit default description; };
  yesNo = v: if v then "yes" else "no";
  show = v: if builtins.isBool v then yesNo v else if builtins.isList v then lib.concatStringsSep "," (map toString v) else toString v;

  text = lib.concatStrings (
    map (port: "Port ${toString port}\n") cfg.ports
    ++ map (a: "ListenAddress ${if lib.hasInfix ":" a.addr then "[${a.addr}]" else a.addr}${lib.optionalString (a.port != null) ":${toString a.port}"}\n") cfg.listenAddresses
    ++ map (key: "HostKey ${key.path}\n") cfg.hostKeys
    ++ lib.mapAttrsToList (name: v: lib.optionalString (v != null) "${name} ${show v}\n") cfg.settings
    ++ [
      "AuthorizedKeysFile ${toString cfg.authorizedKeysFiles}\n"
      # store paths cannot be setuid and no PAM modules are packaged: sshd checks passwords itself
      "UsePAM no\n"
      "PidFile none\n"
    ]
    ++ lib.optional cfg.allowSFTP "Subsystem sftp ${if cfg.sftpServerExecutable == null then "internal-sftp" else cfg.sftpServerExecutable} ${toString cfg.sftpFlags}\n"
    ++ [ cfg.extraConfig ]
  );
  file = pkgs.writeText "sshd.conf-settings" text;

  # Newer OpenSSH is several programs that look for each other at Debian's paths.
  helpers = ''
    for helper in session auth; do
      program=${cfg.package}/lib/openssh/sshd-$helper
      [ ! -e "$program" ] || set -- "$@" -o "Sshd''${helper^}Path=$program"
    done
  '';
  command = pkgs.writeShellScript "sshd-start" ''
    ${helpers}
    exec ${cfg.package}/bin/sshd -D -f /etc/ssh/sshd_config.pocket "$@"
  '';
  makeKeys = lib.concatMapStrings (key: ''
    if ! [ -s ${lib.escapeShellArg key.path} ]; then
      mkdir -p "$(dirname ${lib.escapeShellArg key.path})"
      ${cfg.package}/bin/ssh-keygen -q -t ${key.type} ${lib.optionalString (key.bits != null) "-b ${toString key.bits}"} -f ${lib.escapeShellArg key.path} -N ""
    fi
  '') cfg.hostKeys;

  key = types.submodule {
    options = {
      type = mkOption { type = types.str; default = "ed25519"; description = "The kind of key."; };
      path = mkOption { type = types.str; description = "Where it is."; };
      bits = mkOption { type = types.nullOr types.int; default = null; description = "Its length."; };
    };
  };
  address = types.submodule {
    options = {
      addr = mkOption { type = types.str; description = "The address."; };
      port = mkOption { type = types.nullOr types.port; default = null; description = "The port."; };
    };
  };
  atom = types.nullOr (types.oneOf [ types.bool types.int types.str (types.listOf types.str) ]);
in
{
  options.services.openssh = {
    enable = flag false "Whether the machine can be reached by SSH.";
    package = mkOption { type = types.package; default = pkgs.openssh; defaultText = lib.literalExpression "pkgs.openssh"; description = "The OpenSSH."; };
    ports = mkOption { type = types.listOf types.port; default = [ 22 ]; description = "Ports to listen on."; };
    openFirewall = flag true "Whether the firewall lets them through.";
    listenAddresses = mkOption { type = types.listOf address; default = [ ]; description = "Addresses to listen on."; };
    hostKeys = mkOption {
      type = types.listOf key;
      default = [ { type = "ed25519"; path = "/etc/ssh/ssh_host_ed25519_key"; } ];
      description = "The machine's keys; made when missing.";
    };
    authorizedKeysFiles = mkOption { type = types.listOf types.str; default = [ ]; description = "Files with keys that may log in, besides the usual ones."; };
    authorizedKeysInHomedir = flag true "Whether `~/.ssh/authorized_keys` counts.";
    allowSFTP = flag true "Whether files can be copied.";
    sftpServerExecutable = mkOption { type = types.nullOr types.str; default = null; description = "The SFTP server; null is the one inside sshd."; };
    sftpFlags = mkOption { type = types.listOf types.str; default = [ ]; description = "Its flags."; };
    banner = mkOption { type = types.nullOr types.lines; default = null; description = "Shown before the login."; };
    settings = mkOption {
      type = types.submodule {
        freeformType = types.attrsOf atom;
        options = {
          PermitRootLogin = mkOption { type = types.enum [ "yes" "without-password" "prohibit-password" "forced-commands-only" "no" ]; default = "prohibit-password"; description = "Whether root may log in."; };
          PasswordAuthentication = flag true "Whether passwords are accepted.";
          KbdInteractiveAuthentication = flag true "Whether interactive questions are asked.";
          X11Forwarding = flag false "Whether X11 is forwarded.";
          GatewayPorts = mkOption { type = types.str; default = "no"; description = "Whether forwarded ports are open to others."; };
          UseDns = mkOption { type = types.nullOr types.bool; default = false; description = "Whether names of clients are looked up."; };
          StrictModes = flag true "Whether modes of key files are checked.";
          LogLevel = mkOption { type = types.enum [ "QUIET" "FATAL" "ERROR" "INFO" "VERBOSE" "DEBUG" "DEBUG1" "DEBUG2" "DEBUG3" ]; default = "INFO"; description = "How much is logged."; };
        };
      };
      default = { };
      description = "Lines of sshd_config.";
    };
    extraConfig = mkOption { type = types.lines; default = ""; description = "More lines, at the end."; };
  };

  config = lib.mkIf cfg.enable {
    services.openssh.authorizedKeysFiles = lib.optional cfg.authorizedKeysInHomedir "%h/.ssh/authorized_keys" ++ [ "/etc/ssh/authorized_keys.d/%u" ];
    services.openssh.settings.Banner = lib.mkIf (cfg.banner != null) "${pkgs.writeText "ssh_banner" cfg.banner}";
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall cfg.ports;
    environment.systemPackages = [ cfg.package ];

    # Under a name of its own: Debian's sshd_config belongs to Debian's sshd.
    environment.etc."ssh/sshd_config.pocket".source = file;

    systemd.services.sshd = {
      description = "SSH Daemon";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      stopIfChanged = false;
      restartTriggers = [ file ];
      preStart = makeKeys;
      serviceConfig = {
        # Skipped, not failed, where Debian's own server answers already.
        ExecCondition = pkgs.writeShellScript "sshd-condition" ''
          if ${config.systemd.package}/bin/systemctl --quiet is-active ssh.service; then
            echo "the machine's own ssh.service is running, and keeps its port"
            exit 1
          fi
        '';
        ExecStart = command;
        Restart = "always";
        KillMode = "process";
        RuntimeDirectory = "sshd";
      };
    };
  };
}
