# Which modules take part: forms, imports, disabled modules, classes.
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
  list = {
    options.l = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };
  };
in
{
  module-path = {
    expr = configOf [
      (fixtures + "/int-option.nix")
      (fixtures + "/sets-n.nix")
    ];
    expected.n = 1;
  };
  module-path-as-string = {
    expr = configOf [ (toString fixtures + "/imports-both.nix") ];
    expected.n = 1;
  };
  module-set-shorthand = {
    expr = configOf [
      int
      { n = 2; }
    ];
    expected.n = 2;
  };
  module-function = {
    expr = configOf [
      int
      ({ lib, config, options, ... }: { n = lib.length (lib.attrNames options); })
    ];
    expected.n = 2; # n and _module
  };
  module-function-all-arguments = {
    expr = configOf [
      int
      (args: { n = args.lib.length [ 1 2 3 ]; })
    ];
    expected.n = 3;
  };
  module-mkif = {
    expr = configOf [
      int
      (lib.mkIf true { n = 4; })
      (lib.mkIf false { n = 5; })
    ];
    expected.n = 4;
  };
  config-as-property-list = {
    expr = configOf [
      int
      {
        config = lib.mkMerge [
          (lib.mkIf false { n = 1; })
          { n = 2; }
        ];
      }
    ];
    expected.n = 2;
  };

  imports-nested = {
    expr = configOf [
      list
      {
        imports = [
          {
            imports = [ { l = [ "inner" ]; } ];
            l = [ "middle" ];
          }
        ];
        l = [ "outer" ];
      }
    ];
    expected.l = [
      "inner"
      "middle"
      "outer"
    ];
  };
  imports-same-path-once = {
    expr = configOf [
      (fixtures + "/int-option.nix")
      (fixtures + "/imports-both.nix")
      (fixtures + "/sets-n.nix")
    ];
    expected.n = 1;
  };
  imports-same-key-once = {
    expr = configOf [
      list
      {
        key = "k";
        l = [ "first" ];
      }
      {
        key = "k";
        l = [ "second" ];
      }
    ];
    expected.l = [ "first" ];
  };
  imports-anonymous-every-time = {
    expr = configOf [
      list
      { l = [ "a" ]; }
      { l = [ "a" ]; }
    ];
    expected.l = [
      "a"
      "a"
    ];
  };
  imports-legacy-require = {
    expr = configOf [
      int
      { require = [ { n = 7; } ]; }
    ];
    expected.n = 7;
  };
  imports-depend-on-special-args = {
    expr =
      (lib.evalModules {
        modules = [
          int
          ({ extra, ... }: { imports = extra; })
        ];
        specialArgs.extra = [ { n = 8; } ];
      }).config;
    expected.n = 8;
  };
  imports-nested-list = {
    expr = configOf [ { imports = [ [ { } ] ]; } ];
    error = [ "Module imports can't be nested lists. Perhaps you meant to remove one level of lists?" ];
  };
  imports-depend-on-config = {
    expr = configOf [ ({ config, ... }: { imports = if config.a then [ ] else [ ]; }) ];
    error = [
      "if you get an infinite recursion here, you probably reference `config` in `imports`."
      "infinite recursion encountered"
    ];
  };

  disabled-by-path = {
    expr = configOf [
      (fixtures + "/int-option.nix")
      (fixtures + "/imports-both.nix")
      {
        disabledModules = [ (fixtures + "/sets-n.nix") ];
        n = 9;
      }
    ];
    expected.n = 9;
  };
  disabled-by-string-relative-to-modules-path = {
    expr =
      (lib.evalModules {
        modules = [
          (fixtures + "/imports-both.nix")
          {
            disabledModules = [ "sets-n.nix" ];
            n = 10;
          }
        ];
        specialArgs.modulesPath = fixtures;
      }).config;
    expected.n = 10;
  };
  disabled-by-key = {
    expr = configOf [
      int
      {
        key = "bad";
        n = 1;
      }
      {
        disabledModules = [ { key = "bad"; } ];
        n = 11;
      }
    ];
    expected.n = 11;
  };
  disabled-with-its-imports = {
    expr = configOf [
      list
      {
        key = "parent";
        imports = [ { l = [ "child" ]; } ];
        l = [ "parent" ];
      }
      { disabledModules = [ { key = "parent"; } ]; }
    ];
    expected.l = [ ];
  };
  disabled-without-key = {
    expr = configOf [
      {
        _file = "here.nix";
        disabledModules = [ { n = 1; } ];
      }
    ];
    error = [
      "Module `here.nix` contains a disabledModules item that is an attribute set, presumably a module, that does not have a `key` attribute."
    ];
  };
  disabled-not-a-module = {
    expr = configOf [ { disabledModules = [ (x: x) ]; } ];
    error = [
      "Each disabledModules item must be a path, string, or a attribute set with a key attribute"
      "is of type lambda."
    ];
  };

  graph = {
    expr =
      let
        show = node: {
          inherit (node) key disabled;
          imports = map show node.imports;
        };
      in
      map show
        (evaluate [
          {
            key = "a";
            imports = [ { key = "b"; } ];
          }
          {
            key = "c";
            disabledModules = [ { key = "b"; } ];
          }
        ]).graph;
    expected = [
      {
        key = "a";
        disabled = false;
        imports = [
          {
            key = "b";
            disabled = true;
            imports = [ ];
          }
        ];
      }
      {
        key = "c";
        disabled = false;
        imports = [ ];
      }
    ];
  };

  class-matches = {
    expr =
      (lib.evalModules {
        class = "nixos";
        modules = [
          int
          {
            _class = "nixos";
            n = 1;
          }
        ];
      }).config;
    expected.n = 1;
  };
  class-differs = {
    expr =
      (lib.evalModules {
        class = "nixos";
        modules = [
          {
            _class = "darwin";
            _file = "mac.nix";
          }
        ];
      }).config;
    error = [
      ''The module `mac.nix` (class: "darwin") cannot be imported into a module evaluation that expects class "nixos".''
    ];
  };
  class-unchecked-without-one = {
    expr = configOf [
      int
      {
        _class = "anything";
        n = 1;
      }
    ];
    expected.n = 1;
  };
  class-is-an-argument = {
    expr =
      (lib.evalModules {
        class = "c";
        modules = [
          { options.c = mkOption { }; }
          ({ _class, ... }: { c = _class; })
        ];
      }).config;
    expected.c = "c";
  };

  unsupported-attribute = {
    expr = configOf [
      {
        options = { };
        service.enable = true;
      }
    ];
    error = [
      "Module `:anon-1' has an unsupported attribute `service'."
      "move all of them (namely: service) into the explicit `config' attribute."
    ];
  };
  check-off = {
    expr = configOf [
      int
      {
        _module.check = false;
        n = 1;
        other = 2;
      }
    ];
    expected.n = 1;
  };
  prefix-in-messages = {
    expr =
      (lib.evalModules {
        modules = [
          int
          {
            _file = "f.nix";
            m = 1;
          }
        ];
        prefix = [
          "hosts"
          "web"
        ];
      }).config;
    error = [
      "The option `hosts.web.m' does not exist. Definition values:"
      "- In `f.nix': 1"
      "Did you mean `hosts.web.n'?"
    ];
  };
  set-default-module-location = {
    expr = configOf [
      int
      (lib.setDefaultModuleLocation "elsewhere.nix" { n = "x"; })
    ];
    error = [ "- In `elsewhere.nix': \"x\"" ];
  };
}
