# Serves one page, and the number of its readers at /cgi-bin/readers. No secret is in an argument or in the environment of a process.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.roles.page;
  inherit (config.infra) secrets templates values;
  database = config.infra.wants.database.value;

  readers = pkgs.writeShellScript "readers" ''
    printf 'Content-Type: text/plain\r\n\r\n'
    { printf 'AUTH '; cat /run/credentials/page.service/${secrets.db-password.credential}; printf '\nINCR readers\n'; } \
      | ${pkgs.redis}/bin/redis-cli -h ${database.address} -p ${toString database.port} | tail -n 1
  '';
in
{
  imports = [ ./interface.nix ];

  config = lib.mkIf cfg.enable {
    environment.etc."site/index.html".text = ''
      <!doctype html>
      <title>${values.page-title.value}</title>
      <h1>${values.page-title.value}</h1>
    '';
    environment.etc."site/cgi-bin/readers".source = readers;

    systemd.services.page = {
      description = "The page";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      restartTriggers = [ config.environment.etc."site/index.html".source ];
      serviceConfig = {
        ExecStart = "${pkgs.busybox}/bin/busybox httpd -f -p 80 -h /etc/site -c /run/credentials/page.service/${templates.page-auth.credential}";
        Restart = "on-failure";
        DynamicUser = true;
        AmbientCapabilities = [ "CAP_NET_BIND_SERVICE" ];
      };
    };

    networking.firewall.allowedTCPPorts = [ 80 ];
  };
}
