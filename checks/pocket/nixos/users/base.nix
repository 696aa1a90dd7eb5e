# The accounts and groups that systemd, sshd and Nix expect of any machine, with nixpkgs' ids. On a machine that has them
# they stay as they are (`yield`).
{ mkDefault }:
let
  group = gid: { inherit gid; yield = mkDefault true; };
  service = uid: description: {
    inherit uid;
    description = mkDefault description;
    isSystemUser = true;
    yield = mkDefault true;
  };
in
{
  users = {
    root = {
      uid = 0;
      isSystemUser = true;
      group = "root";
      description = mkDefault "System administrator";
      home = mkDefault "/root";
      createHome = mkDefault true;
      useDefaultShell = mkDefault true;
      yield = mkDefault true;
    };
    nobody = service 65534 "Unprivileged account (don't use!)" // { group = "nogroup"; };
    messagebus = service 4 "D-Bus system message bus" // { group = "messagebus"; };
    sshd = service 2 "SSH privilege separation" // { group = "sshd"; };
    systemd-network = service 152 "systemd-networkd" // { group = "systemd-network"; };
    systemd-resolve = service 153 "systemd-resolved" // { group = "systemd-resolve"; };
    systemd-timesync = service 154 "systemd-timesyncd" // { group = "systemd-timesync"; };
  };
  groups = builtins.mapAttrs (_: group) {
    root = 0;
    wheel = 1;
    kmem = 2;
    tty = 3;
    messagebus = 4;
    disk = 6;
    audio = 17;
    floppy = 18;
    uucp = 19;
    lp = 20;
    cdrom = 24;
    tape = 25;
    video = 26;
    dialout = 27;
    utmp = 29;
    adm = 55;
    systemd-journal = 62;
    sshd = 65;
    users = 100;
    systemd-network = 152;
    systemd-resolve = 153;
    systemd-timesync = 154;
    input = 174;
    shadow = 318;
    kvm = 302;
    render = 303;
    sgx = 304;
    nixbld = 30000;
    nogroup = 65534;
  };
}
