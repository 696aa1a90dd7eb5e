# The part of stdenv that small repositories touch: platform facts, runCommand, and mkDerivation with a buildCommand or plain phases.
{ lib, pkgs, bootstrap }:
let
  platform = {
    inherit (bootstrap) system;
    config = "x86_64-unknown-linux-gnu";
    isLinux = true;
    isDarwin = false;
    isx86_64 = true;
    isAarch64 = false;
    is64bit = true;
    isx86 = true;
    linuxArch = "x86_64";
    parsed = { cpu.name = "x86_64"; kernel.name = "linux"; };
  };

  initialPath = [ pkgs.coreutils pkgs.findutils pkgs.diffutils pkgs.gnused pkgs.gnugrep pkgs.gawk pkgs.gnutar pkgs.gzip pkgs.bash bootstrap.busybox ];

  # Attributes that describe a derivation and are no part of its environment.
  describing = [ "meta" "passthru" "buildCommand" "nativeBuildInputs" "buildInputs" "propagatedBuildInputs" "pname" "version" "name" ];

  phases = ''
    runPhase() { if [ -n "''${!1-}" ]; then eval "''${!1}"; elif declare -F "$1" >/dev/null; then "$1"; fi; }
    unpackPhase() {
      [ -n "''${src-}" ] || return 0
      if [ -d "$src" ]; then cp -r "$src" source; chmod -R u+w source; cd source; else case $src in *.tar*|*.tgz) tar xf "$src"; cd */;; *) cp "$src" .;; esac; fi
    }
    for phase in unpackPhase patchPhase configurePhase buildPhase checkPhase installPhase fixupPhase; do
      if [ "$phase" = unpackPhase ] && [ -n "''${dontUnpack-}" ]; then continue; fi
      if [ "$phase" = checkPhase ] && [ -z "''${doCheck-}" ]; then continue; fi
      runPhase "$phase"
    done
  '';

  mkDerivation = arg:
    let
      attrs = if builtins.isFunction arg then arg finalAttrs else arg;
      finalAttrs = attrs // { finalPackage = result; };
      name = attrs.name or "${attrs.pname}-${attrs.version}";
      inputs = attrs.nativeBuildInputs or [ ] ++ attrs.buildInputs or [ ];
      drv = derivation (
        removeAttrs attrs describing
        // {
          inherit name;
          system = bootstrap.system;
          builder = "${pkgs.bash}/bin/bash";
          args = [
            "-c"
            ''
              set -eu -o pipefail; shopt -s inherit_errexit
              runHook() { :; }
              ${attrs.buildCommand or phases}
            ''
          ];
          PATH = lib.makeBinPath (inputs ++ initialPath);
          SOURCE_DATE_EPOCH = "1";
        }
        // lib.optionalAttrs (attrs ? pname) { inherit (attrs) pname version; }
      );
      result = drv // (attrs.passthru or { }) // { meta = attrs.meta or { }; } // lib.optionalAttrs (attrs ? pname) { inherit (attrs) pname version; };
    in
    result;

  stdenv = {
    inherit mkDerivation;
    hostPlatform = platform;
    buildPlatform = platform;
    targetPlatform = platform;
    inherit (platform) system isLinux isDarwin isx86_64;
    shell = "${pkgs.bash}/bin/bash";
    shellDryRun = "${pkgs.bash}/bin/bash -n -O extglob";
    cc = throw "pocket has no compiler: it stands in for nixpkgs in configuration, not in building software";
  };

  runCommandWith = { name, derivationArgs ? { }, ... }: buildCommand: mkDerivation (derivationArgs // { inherit name buildCommand; });
in
{
  inherit stdenv runCommandWith;
  stdenvNoCC = stdenv;
  runtimeShell = "${pkgs.bash}/bin/bash";
  runtimeShellPackage = pkgs.bash;
  bashInteractive = pkgs.bash;
  runCommand = name: env: buildCommand: mkDerivation (env // { inherit name buildCommand; });
  runCommandLocal = pkgs.runCommand;
  runCommandCC = name: _: _: throw "pocket: ${name} wants a compiler (runCommandCC), which pocket does not have";
}
