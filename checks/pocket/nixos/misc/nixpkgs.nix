# `nixpkgs.*`: which package set `pkgs` is.
{ lib, config, options, pocketPackages, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.nixpkgs;
  system = cfg.hostPlatform.system or cfg.hostPlatform;
  supported = pocketPackages.stdenv.hostPlatform.system;
  platform = types.either types.str types.attrs;
in
{
  options.nixpkgs = {
    hostPlatform = mkOption {
      type = platform;
      example = "x86_64-linux";
      description = "The platform the system runs on.";
    };
    buildPlatform = mkOption {
      type = platform;
      default = cfg.hostPlatform;
      defaultText = lib.literalExpression "config.nixpkgs.hostPlatform";
      description = "The platform packages are built on. pocket has packages, not compilers: it is always the host platform.";
    };
    system = mkOption {
      type = types.str;
      default = system;
      defaultText = lib.literalExpression "config.nixpkgs.hostPlatform.system";
      description = "The older spelling of `nixpkgs.hostPlatform`.";
    };
    config = mkOption {
      type = types.attrs;
      default = { };
      description = "nixpkgs' own settings (`allowUnfree` and so on). Debian's `main` needs none of them, so they have no effect.";
    };
    overlays = mkOption {
      type = types.listOf types.raw;
      default = [ ];
      description = "Functions `final: prev: { ... }` that change the package set.";
    };
    pkgs = mkOption {
      type = types.raw;
      description = "The package set.";
    };
    flake = mkOption {
      type = types.attrs;
      default = { };
      internal = true;
      description = "nixpkgs' record of its own flake; nothing in pocket reads it.";
    };
  };

  config.nixpkgs.pkgs = lib.mkOptionDefault (
    if system != supported then
      throw "pocket has packages for ${supported} only, and nixpkgs.hostPlatform is '${system}' (${lib.concatStringsSep ", " (map toString options.nixpkgs.hostPlatform.files)}). Evaluate this host with nixpkgs."
    else if cfg.overlays == [ ] then
      pocketPackages
    else
      pocketPackages.appendOverlays cfg.overlays
  );
}
