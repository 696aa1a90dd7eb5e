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

  cargoBuildFlags = [ "--package=infra-agent" ];
  cargoTestFlags = [ "--package=infra-agent" ];

  meta = {
    description = "Acts on a host on behalf of infra";
    homepage = "https://github.com/infra-nix/infra";
    license = lib.licenses.mit;
    mainProgram = "infra-agent";
    platforms = lib.platforms.linux;
  };
}
