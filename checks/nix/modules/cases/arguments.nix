# Arguments of modules, extending a configuration, and what is no module at all.
{
  lib,
  types,
  mkOption,
  evaluate,
  configOf,
  fixtures,
  ...
}:
let
  int = {
    options.n = mkOption { type = types.int; };
  };
in
{
  special-args = {
    expr =
      (lib.evalModules {
        modules = [
          int
          ({ given, ... }: { n = given; })
        ];
        specialArgs.given = 12;
      }).config;
    expected.n = 12;
  };
  module-args = {
    expr = configOf [
      int
      ({ later, ... }: { n = later; })
      { _module.args.later = 13; }
    ];
    expected.n = 13;
  };
  module-args-depend-on-config = {
    expr = configOf [
      int
      { options.base = mkOption { default = 20; }; }
      ({ sum, ... }: { n = sum; })
      ({ config, ... }: { _module.args.sum = config.base + 1; })
    ];
    expected = {
      n = 21;
      base = 20;
    };
  };
  module-args-missing = {
    expr = configOf [
      int
      {
        key = "asks";
        imports = [ ({ nobody, ... }: { n = nobody; }) ];
      }
    ];
    error = [
      ''while evaluating the module argument `nobody' in "asks:anon-1"''
      "attribute 'nobody' missing"
    ];
  };
  module-args-twice = {
    expr = configOf [
      int
      {
        _file = "one.nix";
        _module.args.a = 1;
      }
      {
        _file = "two.nix";
        _module.args.a = 2;
      }
      ({ a, ... }: { n = a; })
    ];
    error = [
      "The option `_module.args.a' is defined multiple times while it's expected to be unique."
      "- In `one.nix': 1"
      "- In `two.nix': 2"
    ];
  };
  module-args-optional-argument-is-not-filled = {
    # Nix only uses a default when no argument is passed; the module system always passes one.
    expr = configOf [
      int
      ({ maybe ? 1, ... }: { n = maybe; })
    ];
    error = [ "attribute 'maybe' missing" ];
  };

  extend-modules = {
    expr =
      let
        base = evaluate [
          int
          { n = lib.mkDefault 1; }
        ];
        more = base.extendModules { modules = [ { n = 2; } ]; };
      in
      [
        base.config.n
        more.config.n
        (more.extendModules { modules = [ { n = lib.mkForce 3; } ]; }).config.n
      ];
    expected = [
      1
      2
      3
    ];
  };
  extend-modules-special-args = {
    expr =
      let
        base = lib.evalModules {
          modules = [
            int
            ({ a, b, ... }: { n = a + b; })
          ];
          specialArgs = {
            a = 1;
            b = 1;
          };
        };
      in
      (base.extendModules { specialArgs.b = 10; }).config.n;
    expected = 11;
  };
  extend-modules-from-inside = {
    expr =
      (configOf [
        int
        { options.variant = mkOption { type = types.raw; }; }
        (
          { extendModules, ... }:
          {
            n = 1;
            variant = extendModules { modules = [ { n = lib.mkForce 99; } ]; };
          }
        )
      ]).variant.config.n;
    expected = 99;
  };
  configuration-type-is-a-submodule = {
    expr =
      let
        inner = evaluate [ int ];
      in
      configOf [
        { options.sub = mkOption { inherit (inner) type; }; }
        { sub.n = 3; }
      ];
    expected.sub.n = 3;
  };
  configuration-has-its-tag = {
    expr = (evaluate [ ])._type;
    expected = "configuration";
  };
  configuration-is-no-module = {
    expr = configOf [ (evaluate [ ]) ];
    error = [ ''Expected a module, but found a value of type "configuration"'' ];
  };
  flake-is-no-module = {
    expr = configOf [ { _type = "flake"; } ];
    error = [
      ''Expected a module, but found a value of type "flake"''
      "Perhaps you forgot to select an attribute name?"
    ];
  };
  number-is-no-module = {
    expr = configOf [ (_: 1) ];
    error = [ "does not look like a module." ];
  };

  import-apply = {
    expr =
      (lib.evalModules {
        modules = [
          (lib.modules.importApply (fixtures + "/needs-argument.nix") 5)
          { _module.check = false; }
        ];
      }).config.given;
    expected = 5;
  };
  import-apply-keeps-the-file = {
    expr = configOf [ (lib.modules.importApply (fixtures + "/needs-argument.nix") 5) ];
    error = [
      "The option `wrong' does not exist."
      "- In `${toString fixtures}/needs-argument.nix': 1"
    ];
  };
  import-json = {
    expr = configOf [
      int
      (lib.modules.importJSON (fixtures + "/n.json"))
    ];
    expected.n = 5;
  };
  import-toml = {
    expr = configOf [
      int
      (lib.modules.importTOML (fixtures + "/n.toml"))
    ];
    expected.n = 6;
  };
}
