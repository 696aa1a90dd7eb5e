# How submodule types are declared: shorthand, classes, arguments, several declarations; deferred modules.
{
  lib,
  types,
  mkOption,
  configOf,
  merge,
  ...
}:
let
  int = mkOption { type = types.int; };
  decl = file: x: {
    _file = file;
    options = { inherit x; };
  };
in
{
  shorthand-takes-config-as-an-option-name = {
    expr = merge (types.submodule { options.config = int; }) [ { config = 1; } ];
    expected.config = 1;
  };
  without-shorthand-sets-are-modules = {
    expr = merge (types.submoduleWith { modules = [ { options.a = int; } ]; }) [
      {
        config.a = 1;
        imports = [ { options.b = mkOption { default = 2; }; } ];
      }
    ];
    expected = {
      a = 1;
      b = 2;
    };
  };
  with-special-args = {
    expr =
      merge
        (types.submoduleWith {
          modules = [ ({ given, ... }: { options.a = mkOption { default = given; }; }) ];
          specialArgs.given = 9;
        })
        [ { } ];
    expected.a = 9;
  };
  with-class = {
    expr =
      merge
        (types.submoduleWith {
          modules = [ ];
          class = "inner";
        })
        [
          {
            _class = "outer";
            _file = "mine.nix";
          }
        ];
    error = [ ''The module `mine.nix` (class: "outer") cannot be imported into a module evaluation that expects class "inner".'' ];
  };
  with-description = {
    expr =
      (types.submoduleWith {
        modules = [ ];
        description = "a virtual machine";
      }).description;
    expected = "a virtual machine";
  };

  declared-twice = {
    expr = configOf [
      (decl "one.nix" (mkOption { type = types.attrsOf (types.submodule { options.a = int; }); }))
      (decl "two.nix" (mkOption { type = types.attrsOf (types.submodule { options.b = int; }); }))
      {
        x.one = {
          a = 1;
          b = 2;
        };
      }
    ];
    expected.x.one = {
      a = 1;
      b = 2;
    };
  };
  declared-twice-same-option-inside = {
    expr = configOf [
      (decl "one.nix" (mkOption { type = types.submodule { options.a = mkOption { default = 1; }; }; }))
      (decl "two.nix" (mkOption { type = types.submodule { options.a = mkOption { default = 2; }; }; }))
      { x = { }; }
    ];
    error = [ "The option `x.a' in `" "is already declared in `" ];
  };
  extended-by-an-option-tree = {
    expr = configOf [
      { options.x = mkOption { type = types.submodule { options.a = mkOption { default = 1; }; }; }; }
      { options.x.b = mkOption { default = 2; }; }
      { x.b = 3; }
    ];
    expected.x = {
      a = 1;
      b = 3;
    };
  };
  declared-with-two-classes = {
    expr = configOf [
      (decl "one.nix" (mkOption {
        type = types.submoduleWith {
          modules = [ ];
          class = "a";
        };
      }))
      (decl "two.nix" (mkOption {
        type = types.submoduleWith {
          modules = [ ];
          class = "b";
        };
      }))
      { x = { }; }
    ];
    error = [ "A submoduleWith option is declared multiple times with conflicting class values" ];
  };

  deferred-module = {
    expr =
      let
        config = configOf [
          { options.guest = mkOption { type = types.deferredModule; }; }
          { guest = { options.a = int; }; }
          { guest = { lib, ... }: { a = lib.mkDefault 1; }; }
        ];
      in
      configOf [
        config.guest
        { a = 2; }
      ];
    expected.a = 2;
  };
  deferred-module-names-its-origin = {
    expr =
      let
        config = configOf [
          { options.guest = mkOption { type = types.deferredModule; }; }
          {
            _file = "host.nix";
            guest = {
              options.a = int;
              config.a = "text";
            };
          }
        ];
      in
      configOf [ config.guest ];
    error = [ "- In `host.nix, via option guest': \"text\"" ];
  };
  deferred-module-static = {
    expr = configOf [
      (configOf [
        {
          options.guest = mkOption {
            type = types.deferredModuleWith { staticModules = [ { options.a = mkOption { default = 3; }; } ]; };
          };
        }
        { guest = { }; }
      ]).guest
    ];
    expected.a = 3;
  };
}
