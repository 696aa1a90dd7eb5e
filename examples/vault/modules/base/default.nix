# What every host of ours has: a way in for its operators, and the time of the world. In scope everywhere, and nothing until enabled.
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
  options.base = {
    enable = lib.mkEnableOption "the base of our hosts";

    operatorKeys = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "ssh-ed25519 AAAA… anna@laptop" ];
      description = ''
        Public SSH keys that may log in as `root` and as `deploy`, besides those the host was installed with.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    time.timeZone = "UTC";

    services.openssh = {
      enable = true;
      settings.PasswordAuthentication = false;
    };

    users.users.root.openssh.authorizedKeys.keys = cfg.operatorKeys;
    users.users.deploy = {
      isNormalUser = true;
      description = "Looks after the hosts";
      extraGroups = [ "wheel" ];
      openssh.authorizedKeys.keys = cfg.operatorKeys;
    };

    environment.systemPackages = [ pkgs.jq ];
  };
}
