# `system.build.toplevel`: the one store path that is the whole system, laid out as nixpkgs does.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.system;

  failed = map (a: a.message) (lib.filter (a: !a.assertion) config.assertions);

  # Nothing of a wrong configuration is built; the text is nixpkgs' own, because tools look for it.
  checked = value:
    if failed != [ ] then throw "\nFailed assertions:\n${lib.concatStringsSep "\n" (map (message: "- ${message}") failed)}"
    else lib.showWarnings config.warnings value;

  hasKernel = config.boot.kernel.enable && !config.boot.isContainer;

  # The boot specification that boot loader installers read (RFC 125).
  bootSpec = {
    "org.nixos.bootspec.v1" = {
      inherit (config.nixpkgs) system;
      label = "${cfg.nixos.distroName} ${cfg.nixos.label}";
      kernel = "${config.boot.kernelPackages.kernel}/bzImage";
      initrd = "${config.system.build.initialRamdisk}/initrd";
      inherit (config.boot) kernelParams;
      init = "@out@/init";
      toplevel = "@out@";
    };
    "org.nixos.specialisation.v1" = { };
  };

  toplevel = pkgs.pocket.run "nixos-system-${cfg.name}-${cfg.nixos.label}" {
    inherit (cfg.build) activationScript dryActivationScript etc;
    sw = cfg.path;
    systemd = config.systemd.package;
    switch = cfg.build.switchToConfiguration;
    stage2 = cfg.build.bootStage2;
    inherit (config.nixpkgs) system;
    nixosLabel = cfg.nixos.label;
    kernelParams = toString config.boot.kernelParams;
    bootSpec = lib.optionalString hasKernel (builtins.toJSON bootSpec);
    kernel = lib.optionalString hasKernel "${config.boot.kernelPackages.kernel}";
    initrd = lib.optionalString hasKernel "${cfg.build.initialRamdisk}";
    extraDependencies = map toString cfg.extraDependencies;
    configurationRevision = if cfg.configurationRevision == null then "" else cfg.configurationRevision;
    inherit (cfg) systemBuilderCommands;
    passAsFile = [ "systemBuilderCommands" "extraDependencies" ];
  } ''
    mkdir -p "$out/bin"
    sed "s|@out@|$out|g" "$activationScript" > "$out/activate"
    sed "s|@out@|$out|g" "$dryActivationScript" > "$out/dry-activate"
    sed "s|@out@|$out|g" "$stage2" > "$out/init"
    sed "s|@out@|$out|g" "$switch" > "$out/bin/switch-to-configuration"
    chmod +x "$out/activate" "$out/dry-activate" "$out/init" "$out/bin/switch-to-configuration"

    ln -s "$etc/etc" "$out/etc"
    ln -s "$sw" "$out/sw"
    ln -s "$systemd" "$out/systemd"
    if [ -n "$kernel" ]; then
      ln -s "$kernel/bzImage" "$out/kernel"
      ln -s "$kernel" "$out/kernel-modules"
      ln -s "$initrd/initrd" "$out/initrd"
      printf %s "$kernelParams" > "$out/kernel-params"
      printf %s "$bootSpec" | sed "s|@out@|$out|g" > "$out/boot.json"
    fi
    printf %s "$nixosLabel" > "$out/nixos-version"
    printf %s "$system" > "$out/system"
    [ -z "$configurationRevision" ] || printf %s "$configurationRevision" > "$out/configuration-revision"
    cp "$extraDependenciesPath" "$out/extra-dependencies"
    . "$systemBuilderCommandsPath"
  '';
in
{
  options.system = {
    name = mkOption {
      type = types.str;
      default = if config.networking.hostName == "" then "unnamed" else config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      description = "The name of this system in its store path.";
    };
    extraDependencies = mkOption { type = types.listOf types.pathInStore; default = [ ]; description = "Paths kept with the system."; };
    systemBuilderCommands = mkOption { type = types.lines; default = ""; internal = true; description = "Shell commands that add to `$out` while the system is built."; };
  };

  config.system.build = {
    toplevel = checked toplevel;
    kernel = config.boot.kernelPackages.kernel;
  };
}
