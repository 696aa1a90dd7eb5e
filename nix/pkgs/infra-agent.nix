# The `infra-agent` binary that acts on a host. Built with a static package set (pkgsStatic), because the host may be any distribution.
{ lib, rustPlatform }:
let
  workspace = (lib.importTOML ../../Cargo.toml).workspace.package;
in
rustPlatform.buildRustPackage {
  pname = "infra-agent";
  inherit (workspace) version;

  src = import ./source.nix;
  cargoLock.lockFile = ../../Cargo.lock;

  # The profile that is made for size. Tests are built without it: cutting the agent off after each of its changes is not in what is shipped.
  buildType = "agent";
  checkType = "debug";
  cargoBuildFlags = [ "--package=infra-agent" ];
  # The others make SSH keys with a program that need not be here: checks/test.
  cargoTestFlags = [
    "--package=infra-agent"
    "--bins"
  ];

  meta = {
    description = "Acts on a host on behalf of infra";
    homepage = "https://github.com/infra-nix/infra";
    license = lib.licenses.mit;
    mainProgram = "infra-agent";
    platforms = lib.platforms.linux;
  };
}
