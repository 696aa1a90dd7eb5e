# `boot.initrd.*` and the two scripts between the kernel and systemd: stage-1.sh in the initrd, stage-2.sh as $toplevel/init.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.boot.initrd;
  kernel = config.boot.kernelPackages.kernel;

  strings = default: description: mkOption { type = types.listOf types.str; inherit default description; };
  row = fs: lib.concatStringsSep " " [
    (if fs.device != null then fs.device else fs.fsType)
    fs.mountPoint
    fs.fsType
    (lib.concatStringsSep "," (lib.filter (o: !lib.hasPrefix "x-" o) fs.options))
  ] + "\n";

  stage1 = pkgs.writeText "stage-1.sh" (lib.replaceStrings
    [ "@modules@" "@mounts@" "@verbose@" ]
    [ (toString cfg.kernelModules + " " + toString cfg.availableKernelModules) (lib.concatMapStrings row config.system.build.earlyFileSystems) (if cfg.verbose then "1" else "") ]
    (builtins.readFile ./stage-1.sh));

  # Reproducible: sorted names, one time for all files, no owner, no time in the compressed file.
  initrd = pkgs.pocket.run "initrd-linux-${kernel.modDirVersion}" {
    inherit kernel stage1;
    inherit (kernel) modDirVersion;
    inherit (pkgs.pocket) tools;
    busybox = pkgs.busybox;
    optional = cfg.availableKernelModules;
    required = cfg.kernelModules ++ map (fs: fs.fsType) (lib.filter (fs: !lib.elem fs.fsType [ "auto" "tmpfs" "none" ]) config.system.build.earlyFileSystems);
    compress = if cfg.compressor == "cat" then "cat" else "gzip -n -6";
    script = ./build-initrd.sh;
  } ''. "$script"'';
in
{
  options.boot.initrd = {
    enable = mkOption { type = types.bool; default = !config.boot.isContainer; description = "Whether there is an initrd."; };
    availableKernelModules = strings [ ] "Modules that may be needed to reach the root file system.";
    kernelModules = strings [ ] "Modules that are needed.";
    includeDefaultModules = mkOption { type = types.bool; default = true; description = "Whether the modules of common machines are available."; };
    supportedFilesystems = mkOption { type = types.either (types.listOf types.str) (types.attrsOf types.bool); default = [ ]; description = "File systems whose modules are available."; };
    verbose = mkOption { type = types.bool; default = true; description = "Whether it says what it does."; };
    compressor = mkOption { type = types.enum [ "gzip" "cat" ]; default = "gzip"; description = "How it is compressed; the kernel of pocket reads gzip."; };
  };
  options.boot.supportedFilesystems = mkOption { type = types.either (types.listOf types.str) (types.attrsOf types.bool); default = [ ]; description = "File systems the machine can mount."; };

  config = {
    boot.initrd.availableKernelModules = lib.mkMerge [
      (lib.mkIf cfg.includeDefaultModules [ "ahci" "ata_piix" "sd_mod" "sr_mod" "nvme" "virtio_pci" "virtio_mmio" "virtio_blk" "virtio_scsi" "virtio_net" "virtio_rng" "ext4" "vfat" "overlay" "loop" ])
      (let f = cfg.supportedFilesystems; in if builtins.isList f then f else lib.attrNames (lib.filterAttrs (_: on: on) f))
    ];

    system.build.initialRamdisk = initrd;

    system.build.bootStage2 = pkgs.writeText "stage-2.sh" (lib.replaceStrings
      [ "@shell@" "@path@" "@systemd@" "@dbus@" "@packages@" "@defaultUnit@" ]
      [ pkgs.runtimeShell (lib.makeBinPath [ pkgs.busybox pkgs.bash ]) "${config.systemd.package}" "${pkgs.dbus}" "${pkgs.busybox} ${pkgs.bash} ${pkgs.util-linux}" config.systemd.defaultUnit ]
      (builtins.readFile ./stage-2.sh));
  };
}
