# Our packages, with a stand-in for the builders: what we tell them is ours, what they do with it is nixpkgs'.
{ lib, ... }:
let
  workspace = (builtins.fromTOML (builtins.readFile ../../../Cargo.toml)).workspace.package;

  tool = name: {
    inherit name;
    outPath = "/nix/store/00000000000000000000000000000000-${name}";
  };

  pkgs = {
    inherit lib;
    stdenv = {
      hostPlatform = {
        isLinux = true;
        system = "x86_64-linux";
      };
      buildPlatform.canExecute = _: true;
    };
    rustPlatform = {
      buildRustPackage = arguments: arguments // { outPath = "/nix/store/0-${arguments.pname}"; };
      rustLibSrc = tool "rust-lib-src";
    };
    pkgsStatic = pkgs // {
      isStatic = true;
    };
    callPackage =
      file: arguments:
      let
        function = import file;
      in
      function (builtins.intersectAttrs (builtins.functionArgs function) pkgs // arguments);
    mkShell = arguments: arguments;
  }
  // lib.genAttrs [
    "cargo"
    "cargo-insta"
    "cargo-nextest"
    "clippy"
    "git"
    "installShellFiles"
    "jq"
    "makeBinaryWrapper"
    "nix"
    "nixfmt"
    "openssh"
    "rust-analyzer"
    "rustc"
    "rustfmt"
    "shellcheck"
  ] tool;

  packages = import ../../../nix/flake/packages.nix { inherit lib pkgs; };
  apps = import ../../../nix/flake/apps.nix { inherit lib packages; };

  topOf = path: builtins.attrNames (builtins.readDir path);
in
[
  {
    name = "the command, the agent, and a default";
    expr = builtins.attrNames packages;
    expected = [
      "default"
      "infra"
      "infra-agent"
    ];
  }
  {
    name = "the version is the workspace's";
    expr = [
      packages.infra.version
      packages.infra-agent.version
    ];
    expected = [
      workspace.version
      workspace.version
    ];
  }
  {
    name = "the source is what cargo reads, and nothing that changes with other files";
    expr = topOf packages.infra.src;
    expected = [
      "Cargo.lock"
      "Cargo.toml"
      "checks"
      "cli"
      "nix"
      "templates"
    ];
  }
  {
    name = "of nix/ only what the command includes";
    expr =
      lib.concatMap (folder: topOf "${packages.infra.src}/nix/${folder}") [
        "docs"
        "eval"
        "lib/types"
      ];
    expected = [
      "recipes.md"
      "declared-inputs.nix"
      "patterns.json"
    ];
  }
  {
    name = "of checks/ only the goldens";
    expr = topOf "${packages.infra.src}/checks";
    expected = [ "golden" ];
  }
  {
    name = "the packages that cargo is told to build exist";
    expr = builtins.filter (
      package:
      !builtins.pathExists (
        ../../../cli + "/${lib.removePrefix "infra-" (lib.removePrefix "--package=" package)}/Cargo.toml"
      )
    ) (packages.infra.cargoBuildFlags ++ packages.infra.cargoTestFlags ++ packages.infra-agent.cargoBuildFlags);
    expected = [ ];
  }
  {
    name = "the command brings the agent where it looks for it";
    expr =
      lib.hasInfix "-m 555 /nix/store/0-infra-agent/bin/infra-agent $out/libexec/infra-agent-x86_64-linux"
        packages.infra.postInstall;
    expected = true;
  }
  {
    name = "the agent is built for size, and tested with what only tests have";
    expr = [
      packages.infra-agent.buildType
      packages.infra-agent.checkType
    ];
    expected = [
      "agent"
      "debug"
    ];
  }
  {
    name = "the machine's own Nix goes first";
    expr = builtins.match ".*wrapProgram .out/bin/infra --suffix PATH : .*-git/bin:.*-nix/bin:.*-openssh/bin.*" (
      builtins.replaceStrings [ "\n" ] [ " " ] packages.infra.postFixup
    ) != null;
    expected = true;
  }
  {
    name = "apps say what they run";
    expr = {
      inherit (apps.default) type;
      program = lib.hasSuffix "-infra/bin/infra" apps.default.program;
      described = apps.default.meta.description == packages.infra.meta.description;
    };
    expected = {
      type = "app";
      program = true;
      described = true;
    };
  }
  {
    name = "the shell has cargo";
    expr = builtins.any (tool: tool.name == "cargo") (import ../../../nix/flake/dev-shell.nix {
      inherit lib pkgs;
    }).default.packages;
    expected = true;
  }
  {
    name = "a package set that cannot build Rust gives no packages, no apps and no shell";
    expr = [
      (import ../../../nix/flake/packages.nix {
        inherit lib;
        pkgs = { };
      })
      (import ../../../nix/flake/apps.nix {
        inherit lib;
        packages = { };
      })
      (import ../../../nix/flake/dev-shell.nix {
        inherit lib;
        pkgs = { };
      })
    ];
    expected = [
      { }
      { }
      { }
    ];
  }
]
