# A way in for the operators, the time of the house, and the tools one misses when something is wrong.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.base;
in
{
  imports = [ ./interface.nix ];

  config = lib.mkIf cfg.enable {
    time.timeZone = "Europe/Berlin";

    services.openssh = {
      enable = true;
      settings.PasswordAuthentication = false;
    };
    users.users.root.openssh.authorizedKeys.keys = cfg.operatorKeys;

    environment.systemPackages = [
      pkgs.htop
      pkgs.jq
    ];
  };
}
