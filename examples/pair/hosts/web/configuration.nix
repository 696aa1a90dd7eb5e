# Serves one page over HTTP. Edit the greeting, run `infra deploy web`, and see the page change.
{ config, pkgs, ... }:
{
  base.enable = true;

  environment.etc."site/index.html".text = ''
    <!doctype html>
    <title>web</title>
    <h1>Hello from web</h1>
  '';

  systemd.services.web = {
    description = "The web site";
    wantedBy = [ "multi-user.target" ];
    after = [ "network.target" ];
    # A new page is a new file in the store; the server is restarted for it as it would be for a new configuration.
    restartTriggers = [ config.environment.etc."site/index.html".source ];
    serviceConfig = {
      ExecStart = "${pkgs.busybox}/bin/busybox httpd -f -p 80 -h /etc/site";
      Restart = "on-failure";
      DynamicUser = true;
      AmbientCapabilities = [ "CAP_NET_BIND_SERVICE" ];
    };
  };

  networking.firewall.allowedTCPPorts = [ 80 ];

  system.stateVersion = "26.05";
}
