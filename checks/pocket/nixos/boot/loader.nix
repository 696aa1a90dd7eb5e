# `boot.loader.*`. systemd-boot is installed by systemd-boot.sh, GRUB by grub.sh where it is one for EFI and removable media, and an external
# installer is called. The other options exist so that a configuration carries over: what starts such a machine reads the boot default (see switch/).
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.boot.loader;
  flag = default: description: mkOption { type = types.bool; inherit default description; };
  text = default: description: mkOption { type = types.str; inherit default description; };

  # An installer: a head that says what it is made for, what installers share, and its own script.
  installer = name: head: script: pkgs.writeTextFile {
    name = "install-${name}";
    executable = true;
    checkPhase = ''${pkgs.runtimeShell} -n "$target"'';
    text = ''
      #!${pkgs.runtimeShell}
      export PATH=${lib.makeBinPath [ pkgs.busybox pkgs.bash ]}
      export LC_ALL=C
      boot_loader=${name}
      esp=${lib.escapeShellArg cfg.efi.efiSysMountPoint}
      name=${lib.escapeShellArg config.system.nixos.distroName}
    '' + head + builtins.readFile ./partition.sh + builtins.readFile script;
  };

  systemdBoot = installer "systemd-boot" ''
    loader=${config.systemd.package}/lib/systemd/boot/efi/systemd-bootx64.efi
    limit=${toString cfg.systemd-boot.configurationLimit}
    settings=${lib.escapeShellArg ''
      timeout ${if cfg.timeout == null then "menu-force" else toString cfg.timeout}
      editor ${if cfg.systemd-boot.editor then "1" else "0"}
      console-mode ${cfg.systemd-boot.consoleMode}
    ''}
  '' ./systemd-boot.sh;

  # How GRUB finds the partition: as its mount names it, which is what nixpkgs calls `fsIdentifier = "provided"`. A partition without a name is
  # the one that GRUB was read from.
  byName = builtins.match "/dev/disk/by-(label|uuid)/(.*)" (toString (config.fileSystems.${cfg.efi.efiSysMountPoint}.device or ""));
  grubSearch = lib.optionalString (byName != null)
    "search --set=drive1 --${if lib.head byName == "uuid" then "fs-uuid" else "label"} ${lib.last byName}";
  grub = installer "grub" ''
    grub=${pkgs.grub2_efi}
    limit=${toString cfg.grub.configurationLimit}
    search=${lib.escapeShellArg grubSearch}
    place=${lib.escapeShellArg (lib.optionalString (byName != null) "($drive1)/")}
    default_entry=${lib.escapeShellArg (if cfg.grub.default == "saved" then ''"''${saved_entry}"'' else toString cfg.grub.default)}
    timeout=${toString (if cfg.timeout == null then -1 else cfg.timeout)}
    settings=${lib.escapeShellArg cfg.grub.extraConfig}
    entry_options=${lib.escapeShellArg cfg.grub.entryOptions}
    sub_entry_options=${lib.escapeShellArg cfg.grub.subEntryOptions}
    extra_entries=${lib.escapeShellArg cfg.grub.extraEntries}
  '' ./grub.sh;
  installsGrub = cfg.grub.enable && cfg.grub.efiSupport && cfg.grub.efiInstallAsRemovable;
in
{
  options.boot.loader = {
    timeout = mkOption { type = types.nullOr types.int; default = 5; description = "Seconds until the default is started."; };
    grub = {
      enable = flag (!config.boot.isContainer && !cfg.systemd-boot.enable && !cfg.external.enable && !cfg.generic-extlinux-compatible.enable) "Whether GRUB is the boot loader.";
      device = text "" "The disk it is on.";
      devices = mkOption { type = types.listOf types.str; default = [ ]; description = "The disks it is on."; };
      efiSupport = flag false "Whether it is installed for EFI.";
      efiInstallAsRemovable = flag false "Whether it is at the place for removable media.";
      useOSProber = flag false "Whether other systems are looked for.";
      configurationLimit = mkOption { type = types.int; default = 100; description = "How many systems are offered."; };
      default = mkOption { type = types.either types.int types.str; default = "0"; apply = toString; description = "The entry that is started if nobody chooses; `saved` is the one chosen last."; };
      entryOptions = text "--class nixos --unrestricted" "Options of the default's entry.";
      subEntryOptions = text "--class nixos" "Options of the entries of generations.";
      extraConfig = mkOption { type = types.lines; default = ""; description = "More lines of grub.cfg."; };
      extraEntries = mkOption { type = types.lines; default = ""; description = "Entries after the default's."; };
      zfsSupport = flag false "Whether it can read ZFS.";
      mirroredBoots = mkOption { type = types.listOf types.attrs; default = [ ]; description = "Further boot folders."; };
    };
    systemd-boot = {
      enable = flag false "Whether systemd-boot is the boot loader.";
      configurationLimit = mkOption { type = types.nullOr types.int; default = null; description = "How many systems are offered."; };
      editor = flag true "Whether the command line may be edited.";
      consoleMode = text "keep" "The resolution of the console.";
      graceful = flag false "Whether failures to write EFI variables are ignored.";
    };
    efi = {
      canTouchEfiVariables = flag false "Whether EFI variables may be written.";
      efiSysMountPoint = text "/boot" "Where the EFI system partition is mounted.";
    };
    generic-extlinux-compatible.enable = flag false "Whether extlinux entries are written.";
    external = {
      enable = flag false "Whether another program installs the boot loader.";
      installHook = mkOption { type = types.nullOr types.path; default = null; description = "That program; called with the system's path."; };
    };
  };

  # Called with the system that shall be the default; empty where there is nothing to install.
  config.system.build.installBootLoader =
    if config.boot.isContainer then ""
    else if cfg.external.enable then "${cfg.external.installHook}"
    else if cfg.systemd-boot.enable then "${systemdBoot}"
    else if installsGrub then "${grub}"
    else "";

  # As nixpkgs does; who has the boot loader's variables set looks for it there.
  config.environment.systemPackages = lib.mkIf installsGrub [ pkgs.grub2_efi ];

  # nixpkgs refuses these too, and a repository must not learn that only there.
  config.boot.loader.grub.devices = lib.mkIf (cfg.grub.device != "") [ cfg.grub.device ];
  config.assertions = [
    {
      assertion = !cfg.grub.enable
        || cfg.grub.devices != [ ] || cfg.grub.mirroredBoots != [ ];
      message = "You must set the option ‘boot.loader.grub.devices’ or 'boot.loader.grub.mirroredBoots' to make the system bootable.";
    }
    {
      assertion = !cfg.external.enable || cfg.external.installHook != null;
      message = "boot.loader.external.enable is set, but boot.loader.external.installHook is not.";
    }
  ];
}
