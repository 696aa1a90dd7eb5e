# Everything `checks/test` and an editor want, on a machine that has Nix. A machine without it uses checks/setup.
{ lib, pkgs }:
lib.optionalAttrs (pkgs ? rustPlatform) {
  default = pkgs.mkShell {
    packages = [
      pkgs.cargo
      pkgs.cargo-insta
      pkgs.cargo-nextest
      pkgs.clippy
      pkgs.jq
      pkgs.nixfmt
      pkgs.rust-analyzer
      pkgs.rustc
      pkgs.rustfmt
      pkgs.shellcheck
    ];
    # rust-analyzer finds the standard library's sources only if told.
    RUST_SRC_PATH = "${pkgs.rustPlatform.rustLibSrc}";
  };
}
