# `infra.index` is cheap: it reads host.toml and nothing else, whatever is wrong with the systems.
{
  lib,
  nixpkgs,
  repository,
}:
let
  # Whoever asks this nixpkgs for a system or a package fails.
  libOnly = {
    lib = nixpkgs.lib // {
      nixosSystem = throw "nixosSystem was called";
    };
    legacyPackages = throw "legacyPackages was forced";
  };
  inherit
    (repository {
      root = ../fixtures/mixed;
      inputs.nixpkgs = libOnly;
    })
    infra
    ;
in
[
  {
    name = "the schema needs nothing";
    expr =
      (repository {
        root = throw "the root was read";
        inputs.nixpkgs = libOnly;
      }).infra.schema;
    expected = 1;
  }
  {
    name = "a host whose configuration throws is listed like any other";
    expr = infra.index.throws;
    expected = {
      class = "nixos";
      system = "x86_64-linux";
      tags = [ ];
      addresses = [ "throws" ];
      user = "root";
      port = 22;
      build = "local";
      platform = "ssh";
    };
  }
  {
    name = "keys a host has, and only those";
    expr = infra.index.guest.parent or null;
    expected = "good";
  }
  {
    name = "classes without an evaluator are listed";
    expr = infra.index.linux.class;
    expected = "linux";
  }
  {
    name = "a host without a configuration.nix is listed";
    expr = infra.index.no-configuration.class;
    expected = "nixos";
  }
  {
    name = "one host's mistakes are its own";
    expr = (builtins.tryEval infra.index.several-mistakes).success;
    expected = false;
  }
  {
    name = "index and hosts have the same names, without `_template`";
    expr = {
      same = builtins.attrNames infra.index == builtins.attrNames infra.hosts;
      template = infra.index ? _template;
      good = infra.index ? good;
    };
    expected = {
      same = true;
      template = false;
      good = true;
    };
  }
  {
    name = "the index is JSON";
    expr = lib.isString (builtins.toJSON infra.index.good);
    expected = true;
  }
]
