# Platforms by their names ("x86_64-linux"), as far as configurations ask about them.
{ lib }:
let
  inherit (builtins) elemAt isString match;

  doubles = {
    linux = [
      "aarch64-linux"
      "armv6l-linux"
      "armv7l-linux"
      "i686-linux"
      "powerpc64le-linux"
      "riscv64-linux"
      "x86_64-linux"
    ];
    darwin = [
      "aarch64-darwin"
      "x86_64-darwin"
    ];
    freebsd = [ "x86_64-freebsd" ];
  };

  cpus = {
    aarch64 = { bits = 64; family = "arm"; };
    armv6l = { bits = 32; family = "arm"; };
    armv7l = { bits = 32; family = "arm"; };
    i686 = { bits = 32; family = "x86"; };
    powerpc64le = { bits = 64; family = "power"; };
    riscv64 = { bits = 64; family = "riscv"; };
    x86_64 = { bits = 64; family = "x86"; };
  };

  linuxArch = {
    aarch64 = "arm64";
    armv6l = "arm";
    armv7l = "arm";
    i686 = "i386";
    powerpc64le = "powerpc";
    riscv64 = "riscv";
    x86_64 = "x86_64";
  };

  vendorAndAbi = {
    linux = name: "unknown-linux-${if match "armv.*" name != null then "gnueabihf" else "gnu"}";
    darwin = _: "apple-darwin";
    freebsd = _: "unknown-freebsd";
  };

  parse =
    system:
    let
      parts = match "([a-z0-9_]+)-([a-z]+)" system;
      name = elemAt parts 0;
      kernel = elemAt parts 1;
    in
    if parts == null || !(cpus ? ${name}) || !(vendorAndAbi ? ${kernel}) then
      throw "lib.systems.elaborate: the system ${lib.strings.escapeNixString system} is not known; known are ${
        lib.concatStringsSep ", " (lib.concatAttrValues doubles)
      }"
    else
      {
        inherit kernel;
        cpu = cpus.${name} // {
          inherit name;
        };
      };

  elaborate =
    given:
    let
      args = if isString given then { system = given; } else given;
      system = args.system or args.localSystem;
      parsed = parse system;
      inherit (parsed) cpu kernel;
      family = name: cpu.family == name;
      # Apple has a name of its own for this processor.
      cpuInConfig = if kernel == "darwin" && cpu.name == "aarch64" then "arm64" else cpu.name;
      config = "${cpuInConfig}-${vendorAndAbi.${kernel} cpu.name}";
    in
    {
      inherit config parsed system;
      linuxArch = linuxArch.${cpu.name};
      isLinux = kernel == "linux";
      isDarwin = kernel == "darwin";
      isFreeBSD = kernel == "freebsd";
      isUnix = true;
      isx86 = family "x86";
      isx86_64 = family "x86" && cpu.bits == 64;
      isx86_32 = family "x86" && cpu.bits == 32;
      isAarch = family "arm";
      isAarch64 = family "arm" && cpu.bits == 64;
      isAarch32 = family "arm" && cpu.bits == 32;
      isRiscV = family "riscv";
      is64bit = cpu.bits == 64;
      is32bit = cpu.bits == 32;
      isLittleEndian = true;
      canExecute = other: other.system == system;
      extensions = {
        executable = "";
        sharedLibrary = if kernel == "darwin" then ".dylib" else ".so";
      };
    }
    // args;
in
{
  inherit elaborate;
  # the order of nixpkgs, best supported first
  flakeExposed = [
    "x86_64-linux"
    "aarch64-linux"
    "x86_64-darwin"
    "armv6l-linux"
    "armv7l-linux"
    "i686-linux"
    "aarch64-darwin"
    "powerpc64le-linux"
    "riscv64-linux"
    "x86_64-freebsd"
  ];
  doubles = doubles // {
    all = lib.concatAttrValues doubles;
    unix = lib.concatAttrValues doubles;
    x86_64 = lib.filter (lib.hasPrefix "x86_64-") (lib.concatAttrValues doubles);
    aarch64 = lib.filter (lib.hasPrefix "aarch64-") (lib.concatAttrValues doubles);
  };
  equals = a: b: a.system == b.system;
}
