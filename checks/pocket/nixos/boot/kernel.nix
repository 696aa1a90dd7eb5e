# `boot.kernel*`: the kernel, its parameters, modules and sysctls.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.boot;

  sysctlValue = types.nullOr (types.oneOf [ types.bool types.str types.int ]);
  showSysctl = v: if builtins.isBool v then (if v then "1" else "0") else toString v;
  sysctls = lib.filterAttrs (_: v: v != null) cfg.kernel.sysctl;

  strings = description: mkOption { type = types.listOf types.str; default = [ ]; inherit description; };
in
{
  options.boot = {
    isContainer = mkOption { type = types.bool; default = false; description = "Whether the machine is a container: then there is no kernel, initrd or boot loader."; };
    kernelPackages = mkOption { type = types.raw; default = pkgs.linuxPackages; defaultText = lib.literalExpression "pkgs.linuxPackages"; description = "The kernel's package set."; };
    kernel.enable = mkOption { type = types.bool; default = true; description = "Whether the system has a kernel."; };
    kernel.sysctl = mkOption { type = types.attrsOf sysctlValue; default = { }; example = { "net.ipv4.ip_forward" = 1; }; description = "Kernel settings."; };
    kernelParams = mkOption { type = types.listOf (types.strMatching ''([^"[:space:]]|"[^"]*")+''); default = [ ]; description = "Words of the kernel command line."; };
    kernelModules = strings "Modules loaded at boot.";
    extraModprobeConfig = mkOption { type = types.lines; default = ""; description = "Lines of modprobe.d."; };
    blacklistedKernelModules = strings "Modules never loaded by themselves.";
    consoleLogLevel = mkOption { type = types.int; default = 4; description = "What the kernel shows on its console."; };
    tmp = {
      useTmpfs = mkOption { type = types.bool; default = false; description = "Whether /tmp is in memory."; };
      tmpfsSize = mkOption { type = types.oneOf [ types.str types.ints.positive ]; default = "50%"; description = "How large it may become."; };
      cleanOnBoot = mkOption { type = types.bool; default = false; description = "Whether /tmp is emptied at boot."; };
    };
  };

  config = {
    boot.kernelParams = [ "loglevel=${toString cfg.consoleLogLevel}" ];

    environment.etc = lib.mkMerge [
      (lib.mkIf (cfg.kernelModules != [ ]) { "modules-load.d/nixos.conf".text = lib.concatMapStrings (m: m + "\n") cfg.kernelModules; })
      (lib.mkIf (cfg.blacklistedKernelModules != [ ] || cfg.extraModprobeConfig != "") {
        "modprobe.d/nixos.conf".text = lib.concatMapStrings (m: "blacklist ${m}\n") cfg.blacklistedKernelModules + cfg.extraModprobeConfig;
      })
      (lib.mkIf (sysctls != { }) {
        "sysctl.d/60-nixos.conf".text = lib.concatStrings (lib.mapAttrsToList (name: v: "${name}=${showSysctl v}\n") sysctls);
      })
      (lib.mkIf cfg.tmp.cleanOnBoot { "tmpfiles.d/pocket-clean-tmp.conf".text = "D! /tmp 1777 root root\n"; })
    ];

    # A setting that the kernel refuses (a container may set few) is reported, and is no reason to roll a system back.
    system.activationScripts.sysctl = {
      deps = [ "etc" ];
      text = lib.optionalString (sysctls != { }) ''
        # Kernel settings
        ${config.systemd.package}/lib/systemd/systemd-sysctl /etc/sysctl.d/60-nixos.conf || echo "warning: not all of boot.kernel.sysctl could be set" >&2
      '';
    };

    systemd.mounts = lib.optional cfg.tmp.useTmpfs {
      what = "tmpfs";
      where = "/tmp";
      type = "tmpfs";
      mountConfig.Options = "mode=1777,strictatime,nosuid,nodev,size=${toString cfg.tmp.tmpfsSize}";
    };
    systemd.targets.local-fs = lib.mkIf cfg.tmp.useTmpfs { wants = [ "tmp.mount" ]; };
  };
}
