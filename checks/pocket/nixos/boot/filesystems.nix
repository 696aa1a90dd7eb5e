# `fileSystems` and `swapDevices`: written to /etc/fstab, and read by the initrd for what must be there before systemd.
# A machine with a userland of its own was mounted by somebody else; it keeps its fstab.
{ lib, config, ... }:
let
  inherit (lib) mkOption types;

  notBlank = types.strMatching "[^[:space:]]+";

  fileSystem = { name, config, ... }: {
    options = {
      enable = mkOption { type = types.bool; default = true; description = "Whether it is mounted."; };
      mountPoint = mkOption { type = notBlank; default = name; description = "Where."; };
      device = mkOption { type = types.nullOr notBlank; default = null; description = "The device."; };
      label = mkOption { type = types.nullOr notBlank; default = null; description = "The label of the device, instead of `device`."; };
      fsType = mkOption { type = notBlank; default = "auto"; description = "The type."; };
      options = mkOption { type = types.listOf notBlank; default = [ "defaults" ]; description = "Mount options."; };
      depends = mkOption { type = types.listOf notBlank; default = [ ]; description = "Mount points that come before."; };
      neededForBoot = mkOption { type = types.bool; default = false; description = "Whether the initrd mounts it."; };
      noCheck = mkOption { type = types.bool; default = false; description = "Whether it is never checked."; };
      autoFormat = mkOption { type = types.bool; default = false; description = "Not supported by pocket."; };
      autoResize = mkOption { type = types.bool; default = false; description = "Not supported by pocket."; };
    };
    config = {
      device = lib.mkIf (config.label != null) (lib.mkDefault "/dev/disk/by-label/${config.label}");
      options = lib.mkIf (config.depends != [ ]) (map (path: "x-systemd.requires-mounts-for=${path}") config.depends);
    };
  };

  swap = {
    options = {
      device = mkOption { type = notBlank; description = "The device or file."; };
      label = mkOption { type = types.nullOr notBlank; default = null; description = "The label of the device."; };
      size = mkOption { type = types.nullOr types.int; default = null; description = "Not supported by pocket."; };
      priority = mkOption { type = types.nullOr types.int; default = null; description = "The priority."; };
      options = mkOption { type = types.listOf notBlank; default = [ "defaults" ]; description = "Options."; };
      randomEncryption = mkOption { type = types.bool; default = false; description = "Not supported by pocket."; };
    };
  };

  # What nixpkgs mounts in its initrd whatever else is said.
  early = [ "/" "/nix" "/nix/store" "/var" "/var/log" "/var/lib" "/var/lib/nixos" "/etc" "/usr" ];

  mounted = lib.sort (a: b: a.mountPoint < b.mountPoint) (lib.filter (fs: fs.enable) (lib.attrValues config.fileSystems));
  source = fs: if fs.device != null then fs.device else fs.fsType;
  escape = lib.replaceStrings [ " " "\t" ] [ "\\040" "\\011" ];
  pass = fs: if fs.noCheck || !lib.hasPrefix "/dev/" (source fs) then "0" else if fs.mountPoint == "/" then "1" else "2";
  fsLine = fs: "${escape (source fs)} ${escape fs.mountPoint} ${fs.fsType} ${lib.concatStringsSep "," fs.options} 0 ${pass fs}\n";
  swapLine = s: "${s.device} none swap ${lib.concatStringsSep "," (s.options ++ lib.optional (s.priority != null) "pri=${toString s.priority}")} 0 0\n";
in
{
  options = {
    fileSystems = mkOption { type = types.attrsOf (types.submodule fileSystem); default = { }; description = "What is mounted where."; };
    swapDevices = mkOption { type = types.listOf (types.submodule swap); default = [ ]; description = "Swap space."; };
  };

  config = {
    system.build.earlyFileSystems = lib.filter (fs: fs.neededForBoot || lib.elem fs.mountPoint early) mounted;

    environment.etc.fstab = { yield = true; text = lib.concatMapStrings fsLine mounted + lib.concatMapStrings swapLine config.swapDevices; };

    assertions = lib.optional (!config.boot.isContainer) {
      assertion = lib.any (fs: fs.mountPoint == "/") mounted;
      message = "The ‘fileSystems’ option does not specify your root file system.";
    } ++ map (fs: {
      assertion = fs.device != null || lib.elem fs.fsType [ "tmpfs" "overlay" "none" "proc" "sysfs" ];
      message = "fileSystems.\"${fs.mountPoint}\" has neither `device` nor `label`.";
    }) mounted
    ++ lib.concatMap (fs: map (name: {
      assertion = !fs.${name};
      message = "fileSystems.\"${fs.mountPoint}\".${name}: pocket's initrd neither formats nor resizes file systems.";
    }) [ "autoFormat" "autoResize" ]) mounted
    ++ map (s: {
      assertion = s.size == null && !s.randomEncryption;
      message = "swapDevices: pocket neither makes nor encrypts swap space (${s.device}); leave out `size` and `randomEncryption`.";
    }) config.swapDevices;
  };
}
