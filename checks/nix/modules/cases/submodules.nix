# Configurations inside configurations: names, merging, messages, freeform.
{
  lib,
  types,
  mkOption,
  evaluate,
  configOf,
  merge,
  fixtures,
  ...
}:
let
  int = mkOption { type = types.int; };
  user = types.submodule (
    { name, config, ... }:
    {
      options = {
        name = mkOption {
          type = types.str;
          default = name;
        };
        uid = mkOption {
          type = types.int;
          default = 1000;
        };
        home = mkOption {
          type = types.str;
          default = "/home/${config.name}";
        };
      };
    }
  );
in
{
  name-argument = {
    expr = merge (types.attrsOf user) [ { ann = { }; } ];
    expected.ann = {
      name = "ann";
      uid = 1000;
      home = "/home/ann";
    };
  };
  name-argument-in-a-list = {
    expr = (lib.head (merge (types.listOf user) [ [ { uid = 1; } ] ])).name;
    expected = "[definition 1-entry 1]";
  };
  name-argument-of-a-plain-one = {
    expr = (merge user [ { } ]).name;
    expected = "x";
  };
  definitions-merge = {
    expr = merge (types.attrsOf user) [
      { ann.uid = 5; }
      { ann.home = lib.mkForce "/root"; }
      { ann.home = "/lost"; }
    ];
    expected.ann = {
      name = "ann";
      uid = 5;
      home = "/root";
    };
  };
  conflict-inside = {
    expr = merge (types.attrsOf user) [
      { ann.uid = 5; }
      { ann.uid = 6; }
    ];
    error = [
      "The option `x.ann.uid' has conflicting definition values:"
      "- In `d1.nix': 5"
      "- In `d2.nix': 6"
    ];
  };
  wrong-type-inside = {
    expr = merge (types.attrsOf user) [ { ann.uid = "five"; } ];
    error = [
      "A definition for option `x.ann.uid' is not of type `signed integer'. Definition values:"
      "- In `d1.nix': \"five\""
    ];
  };
  no-value-inside = {
    expr = merge (types.attrsOf (types.submodule { options.a = int; })) [ { one = { }; } ];
    error = [ "The option `x.one.a' was accessed but has no value defined. Try setting the option." ];
  };
  unknown-option-inside = {
    expr = merge (types.attrsOf user) [ { ann.udi = 5; } ];
    error = [
      "The option `x.ann.udi' does not exist. Definition values:"
      "- In `d1.nix': 5"
      "Did you mean `x.ann.uid', `x.ann.home' or `x.ann.name'?"
    ];
  };
  no-options-inside = {
    expr = merge (types.submodule { config = { }; }) [ { a = 1; } ];
    error = [
      "The option `x.a' does not exist."
      "However there are no options defined in `x'."
    ];
  };
  not-a-module = {
    expr = merge user [ 5 ];
    error = [ "A definition for option `x' is not of type `submodule'. TypeError: Definition values: - In `d1.nix': 5" ];
  };

  value-is-a-function = {
    expr = merge (types.attrsOf user) [
      { ann = { config, name, ... }: { home = "/srv/${name}/${toString config.uid}"; }; }
    ];
    expected.ann = {
      name = "ann";
      uid = 1000;
      home = "/srv/ann/1000";
    };
  };
  value-is-a-path = {
    expr = merge (types.submodule (fixtures + "/int-option.nix")) [ (fixtures + "/sets-n.nix") ];
    expected.n = 1;
  };
  value-with-imports-as-function = {
    expr = merge user [ (_: { imports = [ { uid = 7; } ]; }) ];
    expected = {
      name = "x";
      uid = 7;
      home = "/home/x";
    };
  };
  parent-by-closure = {
    expr = configOf [
      (
        { config, ... }:
        {
          options.domain = mkOption { default = "example.org"; };
          options.hosts = mkOption {
            type = types.attrsOf (
              types.submodule (
                { name, ... }:
                {
                  options.fqdn = mkOption { default = "${name}.${config.domain}"; };
                }
              )
            );
          };
        }
      )
      { hosts.web = { }; }
    ];
    expected = {
      domain = "example.org";
      hosts.web.fqdn = "web.example.org";
    };
  };
  arguments-are-not-inherited = {
    expr = configOf [
      { _module.args.mine = 1; }
      { options.x = mkOption { type = types.submodule ({ mine, ... }: { options.a = mkOption { default = mine; }; }); }; }
      { x = { }; }
    ];
    error = [ "attribute 'mine' missing" ];
  };
  arguments-of-its-own = {
    expr = merge (types.submodule [
      ({ mine, ... }: { options.a = mkOption { default = mine; }; })
      { _module.args.mine = 4; }
    ]) [ { } ];
    expected.a = 4;
  };

  freeform = {
    expr = merge (types.submodule {
      freeformType = types.attrsOf types.str;
      options.port = mkOption {
        type = types.port;
        default = 80;
      };
    }) [
      { host = "a"; }
      { port = 81; }
    ];
    expected = {
      host = "a";
      port = 81;
    };
  };
  freeform-wrong = {
    expr = merge (types.submodule { freeformType = types.attrsOf types.str; }) [ { host = 1; } ];
    error = [
      "A definition for option `x.host' is not of type `string'. Definition values:"
      "- In `d1.nix': 1"
    ];
  };
  freeform-either-inside = {
    expr = merge (types.submodule {
      freeformType = types.attrsOf (types.either types.int (types.listOf types.str));
    }) [
      {
        a = 1;
        b = [ "x" ];
      }
    ];
    expected = {
      a = 1;
      b = [ "x" ];
    };
  };
  nested = {
    expr = merge (types.attrsOf (
      types.submodule {
        options.disks = mkOption {
          type = types.attrsOf (
            types.submodule (
              { name, ... }:
              {
                options.device = mkOption { default = "/dev/${name}"; };
              }
            )
          );
          default = { };
        };
      }
    )) [
      {
        web.disks.sda = { };
        db = { };
      }
    ];
    expected = {
      web.disks.sda.device = "/dev/sda";
      db.disks = { };
    };
  };
  priority-of-a-whole-submodule = {
    expr = merge (types.attrsOf user) [
      { ann = lib.mkForce { uid = 1; }; }
      { ann.home = "/lost"; }
    ];
    expected.ann = {
      name = "ann";
      uid = 1;
      home = "/home/ann";
    };
  };
  conditional-submodule-is-absent = {
    expr = merge (types.attrsOf user) [ { ann = lib.mkIf false { }; } ];
    expected = { };
  };
  either-submodule-or-path = {
    expr = map (value: merge (types.either types.int (types.submodule { options.a = int; })) [ value ]) [
      1
      { a = 2; }
    ];
    expected = [
      1
      { a = 2; }
    ];
  };
  value-meta = {
    expr =
      (evaluate [
        { options.x = mkOption { type = types.submodule { options.a = int; }; }; }
        { x.a = 1; }
      ]).options.x.valueMeta.configuration.options.a.value;
    expected = 1;
  };
}
