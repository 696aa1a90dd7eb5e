# The systems of checks/pocket/test: one small server, and edits of it. Every option here is nixpkgs' as well.
{ nixpkgs }:
let
  inherit (nixpkgs) lib;

  base = { config, pkgs, ... }: {
    nixpkgs.hostPlatform = "x86_64-linux";
    networking.hostName = "probe";
    boot.loader.grub.device = "/dev/vda";
    fileSystems."/" = { device = "/dev/disk/by-label/nixos"; fsType = "ext4"; };
    time.timeZone = "Europe/Berlin";
    networking.firewall.allowedTCPPorts = [ 80 ];
    boot.kernel.sysctl."net.ipv4.ip_forward" = 1;
    services.openssh.enable = true;

    users.groups.site = { };
    users.users.site = { isSystemUser = true; group = "site"; };
    users.users.anna = {
      isNormalUser = true;
      extraGroups = [ "wheel" ];
      openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIProbeProbeProbeProbeProbeProbeProbeProbe anna" ];
    };

    environment.systemPackages = [ pkgs.jq pkgs.sqlite ];
    environment.etc."site/index.html".text = lib.mkDefault "<h1>one</h1>\n";
    environment.etc."probe/secret" = { text = "hush\n"; mode = "0640"; group = "site"; };
    environment.etc."debian_version".text = "declared\n";
    systemd.tmpfiles.rules = [ "d /srv/probe 0750 site site -" ];
    system.activationScripts.stamp = { deps = [ "etc" "users" ]; text = "echo activated >> /run/probe-activations"; };

    systemd.services.web = {
      description = "A page";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      serviceConfig.ExecStart = "${pkgs.busybox}/bin/httpd -f -p 80 -h /etc/site";
      restartTriggers = [ config.environment.etc."site/index.html".source ];
    };
    systemd.services.db = {
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        Type = "notify";
        ExecStart = "${pkgs.redis}/bin/redis-server ${pkgs.writeText "db.conf" "bind 127.0.0.1\nport 6379\ndir /var/lib/db\nsupervised systemd\n"}";
        DynamicUser = true;
        StateDirectory = "db";
      };
    };
    systemd.services.reloaded = {
      wantedBy = [ "multi-user.target" ];
      reloadIfChanged = true;
      environment.GENERATION = lib.mkDefault "one";
      script = "exec sleep infinity";
      reload = "echo \"$GENERATION\" > /run/probe-reloaded";
    };
    systemd.services.stubborn = {
      wantedBy = [ "multi-user.target" ];
      restartIfChanged = false;
      environment.GENERATION = lib.mkDefault "one";
      script = "exec sleep infinity";
    };
    systemd.services.scripted = {
      wantedBy = [ "multi-user.target" ];
      path = [ pkgs.jq ];
      preStart = "echo '{\"a\": 1}' | jq .a > /run/probe-prestart";
      script = "exec sleep infinity";
      postStart = "touch /run/probe-poststart";
    };
    systemd.sockets.echo = { wantedBy = [ "sockets.target" ]; socketConfig = { ListenStream = 7007; Accept = true; }; };
    systemd.services."echo@" = { serviceConfig = { ExecStart = "${pkgs.busybox}/bin/cat"; StandardInput = "socket"; }; };
    systemd.services.tick = { startAt = "hourly"; serviceConfig.Type = "oneshot"; script = "true"; };
  };

  grub = {
    boot.loader.grub = { device = lib.mkForce "nodev"; efiSupport = true; efiInstallAsRemovable = true; };
    fileSystems."/boot" = { device = "/dev/disk/by-label/ESP"; fsType = "vfat"; };
  };

  system = modules: (lib.nixosSystem { modules = [ base ] ++ modules; }).config.system.build.toplevel;
in
{
  one = system [ ];
  # Only the page: web is restarted for it.
  page = system [ { environment.etc."site/index.html".text = "<h1>two</h1>\n"; } ];
  # One unit of each temper.
  tempers = system [ { systemd.services.reloaded.environment.GENERATION = "two"; systemd.services.stubborn.environment.GENERATION = "two"; } ];
  # Things gone: a service, a user, a file, and a declared file that hid one of the machine's.
  less = system [
    ({ lib, ... }: {
      systemd.services.scripted.enable = false;
      users.users.anna.enable = false;
      environment.etc."probe/secret".enable = false;
      environment.etc."debian_version".enable = false;
      systemd.services.extra = { wantedBy = [ "multi-user.target" ]; script = "exec sleep infinity"; };
    })
  ];
  failing = system [ { systemd.services.broken = { wantedBy = [ "multi-user.target" ]; script = "exit 3"; }; } ];
  unactivatable = system [ { system.activationScripts.broken = "false"; } ];
  # Machines that systemd-boot starts: one, another command line, another initrd, other settings.
  menu = system [ { boot.loader.systemd-boot.enable = true; } ];
  menuQuiet = system [ { boot.loader.systemd-boot.enable = true; boot.kernelParams = [ "quiet" ]; } ];
  menuInitrd = system [ { boot.loader.systemd-boot.enable = true; boot.initrd.verbose = false; } ];
  menuShort = system [ { boot.loader.systemd-boot = { enable = true; configurationLimit = 1; editor = false; }; boot.loader.timeout = null; } ];
  # Machines that GRUB starts: one, another command line, other settings.
  grub = system [ grub ];
  grubQuiet = system [ grub { boot.kernelParams = [ "quiet" ]; } ];
  grubOther = system [ grub {
    boot.loader.timeout = null;
    boot.loader.grub = { default = "saved"; configurationLimit = 1; extraConfig = "set pager=1"; extraEntries = "menuentry 'Other' { true; }"; };
  } ];
  external = system [
    ({ pkgs, ... }: {
      boot.loader.external = { enable = true; installHook = pkgs.writeShellScript "hook" "echo \"called with $1\"; exit \"\${HOOK_STATUS:-0}\""; };
    })
  ];
  container = system [ { boot.isContainer = true; } ];

  wrong = {
    assertion = system [ { assertions = [ { assertion = false; message = "this is what is wrong"; } ]; } ];
    rootless = system [ ({ lib, ... }: { fileSystems = lib.mkForce { }; }) ];
    groupless = system [ { users.users.nobodysgroup.isSystemUser = true; } ];
    platform = system [ ({ lib, ... }: { nixpkgs.hostPlatform = lib.mkForce "aarch64-linux"; }) ];
    unsupported = system [ { networking.networkmanager.enable = true; } ];
    port = system [ { networking.firewall.allowedTCPPorts = [ 70000 ]; } ];
  };

  packages =
    let
      pkgs = nixpkgs.legacyPackages.x86_64-linux;
      inherit (pkgs) lib;
    in
    {
      # Every package, and every writer: a broken one must not wait for somebody to need it.
      all = pkgs.linkFarm "all" (map (name: { inherit name; path = pkgs.${name}; }) (lib.attrNames (lib.importJSON (nixpkgs + "/debs.json")).packages));
      writers = pkgs.symlinkJoin {
        name = "writers";
        paths = [
          (pkgs.writeShellApplication { name = "app"; runtimeInputs = [ pkgs.jq ]; text = ''echo "$1" | jq -r .x''; })
          (pkgs.writeShellScriptBin "greet" "echo hello")
          (pkgs.writeTextDir "share/a/b.txt" "b")
          (pkgs.runCommand "made" { nativeBuildInputs = [ pkgs.sqlite ]; } "mkdir -p $out/share; sqlite3 :memory: 'select 6*7' > $out/share/answer")
          (pkgs.linkFarm "farm" { "share/json" = (pkgs.formats.json { }).generate "j" { b = [ 1 null ]; a = "x"; };
            "share/toml" = (pkgs.formats.toml { }).generate "t" { a = 1; t.s = "q\"uote"; l = [ { n = 1; } { n = 2; } ]; };
            "share/ini" = (pkgs.formats.ini { }).generate "i" { s.k = true; };
            "share/kv" = (pkgs.formats.keyValue { }).generate "k" { k = 1; }; })
          (pkgs.stdenv.mkDerivation { pname = "phases"; version = "1"; src = pkgs.writeTextDir "in" "in"; buildPhase = "tr i I < in > made"; installPhase = "mkdir -p $out/share; cp made $out/share/phases"; })
        ];
      };
      overlaid = (pkgs.extend (final: prev: { hello = final.writeText "hello" prev.jq.name; })).hello;
    };
}
