# `$toplevel/bin/switch-to-configuration`: one bash script out of the files beside this one, run by the system's own programs.
{ lib, config, pkgs, ... }:
{
  config.system.build.switchToConfiguration = pkgs.writeTextFile {
    name = "switch-to-configuration";
    checkPhase = ''${pkgs.runtimeShell} -n -O extglob "$target"'';
    text = ''
      #!${pkgs.runtimeShell}
      toplevel=@out@
      systemctl=${config.systemd.package}/bin/systemctl
      install_boot_loader=${config.system.build.installBootLoader}
      flock=${pkgs.util-linux}/bin/flock # busybox as Debian builds it has none
      export PATH=${lib.makeBinPath [ pkgs.busybox pkgs.bash ]}
      export LC_ALL=C
    ''
    + lib.concatMapStrings builtins.readFile [ ./compare.sh ./plan.sh ./apply.sh ./main.sh ];
  };
}
