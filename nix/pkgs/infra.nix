# The `infra` command.
{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
  makeBinaryWrapper,
  git,
  nix,
  openssh,
  # What is sent to hosts, by their system.
  agents ? { },
}:
let
  workspace = (lib.importTOML ../../Cargo.toml).workspace.package;
in
rustPlatform.buildRustPackage {
  pname = "infra";
  inherit (workspace) version;

  src = import ./source.nix;
  cargoLock.lockFile = ../../Cargo.lock;

  cargoBuildFlags = [ "--package=infra" ];
  # The rooms without effects. The others are tested against real hosts, which a build sandbox cannot make: checks/test.
  cargoTestFlags = [
    "--package=infra-model"
    "--package=infra-plan"
    "--package=infra-engine"
    "--package=infra-view"
  ];

  nativeBuildInputs = [
    installShellFiles
    makeBinaryWrapper
  ];

  # Running the new binary needs a machine that can: not so when cross compiling.
  postInstall = lib.concatStrings (
    lib.mapAttrsToList (system: agent: ''
      install -D -m 555 ${agent}/bin/infra-agent $out/libexec/infra-agent-${system}
    '') agents
  )
  + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    for shell in bash zsh fish; do
      $out/bin/infra completions $shell >infra.$shell
    done
    installShellCompletion --cmd infra infra.{bash,zsh,fish}
  '';

  # Suffix, not prefix: the Nix of the machine goes first, because it is the one that fits its daemon.
  postFixup = ''
    wrapProgram $out/bin/infra --suffix PATH : ${
      lib.makeBinPath [
        git
        nix
        openssh
      ]
    }
  '';

  meta = {
    description = "Deploys fleets of NixOS hosts from one repository";
    homepage = "https://github.com/infra-nix/infra";
    license = lib.licenses.mit;
    mainProgram = "infra";
    platforms = lib.platforms.unix;
  };
}
