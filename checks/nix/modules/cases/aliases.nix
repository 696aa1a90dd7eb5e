# Options that stand for others, and the module functions around them.
{
  lib,
  types,
  mkOption,
  evaluate,
  configOf,
  ...
}:
let
  # what NixOS declares, and the renaming functions fill
  reporting = {
    options = {
      warnings = mkOption {
        type = types.listOf types.str;
        default = [ ];
      };
      assertions = mkOption {
        type = types.listOf types.unspecified;
        default = [ ];
      };
    };
  };
  new = {
    options.new.name = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };
  };
  old = [
    "old"
    "name"
  ];
  to = [
    "new"
    "name"
  ];
in
{
  alias = {
    expr =
      let
        config = configOf [
          new
          (lib.mkAliasOptionModule old to)
          { old.name = [ "a" ]; }
          { new.name = [ "b" ]; }
        ];
      in
      [
        config.new.name
        config.old.name
      ];
    expected = [
      [
        "b"
        "a"
      ]
      [
        "b"
        "a"
      ]
    ];
  };
  alias-keeps-priority = {
    expr =
      (configOf [
        new
        (lib.mkAliasOptionModule old to)
        { old.name = lib.mkForce [ "a" ]; }
        { new.name = [ "b" ]; }
      ]).new.name;
    expected = [ "a" ];
  };
  alias-keeps-conditions = {
    expr =
      (configOf [
        new
        (lib.mkAliasOptionModule old to)
        { old.name = lib.mkIf false [ "a" ]; }
      ]).new.name;
    expected = [ ];
  };
  alias-checks-the-type = {
    expr =
      (configOf [
        new
        (lib.mkAliasOptionModule old to)
        {
          _file = "host.nix";
          old.name = 5;
        }
      ]).new.name;
    error = [ "is not of type `list of string'" ];
  };

  renamed = {
    expr =
      (configOf [
        new
        reporting
        (lib.mkRenamedOptionModule old to)
        {
          _file = "host.nix";
          old.name = [ "a" ];
        }
      ])
      // {
        old = null;
      };
    expected = {
      new.name = [ "a" ];
      old = null;
      assertions = [ ];
      warnings = [ "The option `old.name' defined in `host.nix' has been renamed to `new.name'." ];
    };
  };
  renamed-unused = {
    expr =
      (configOf [
        new
        reporting
        (lib.mkRenamedOptionModule old to)
        { new.name = [ "a" ]; }
      ]).warnings;
    expected = [ ];
  };
  renamed-read = {
    expr =
      (configOf [
        new
        (lib.mkRenamedOptionModule old to)
        { new.name = [ "a" ]; }
      ]).old.name;
    expected = [ "a" ];
    says = [ "Obsolete option `old.name' is used. It was renamed to `new.name'." ];
  };
  renamed-with-release = {
    expr = map
      (
        sinceRelease:
        lib.length
          (configOf [
            new
            reporting
            (lib.mkRenamedOptionModuleWith {
              from = old;
              inherit to sinceRelease;
            })
            { old.name = [ "a" ]; }
          ]).warnings
      )
      [
        2305
        9911
      ];
    expected = [
      1
      0
    ];
  };
  renamed-to-nothing = {
    expr =
      (configOf [
        (lib.mkRenamedOptionModule old to)
        reporting
        {
          _file = "host.nix";
          old.name = [ "a" ];
        }
      ]).warnings;
    error = [ "The option `new' does not exist." ];
  };

  removed = {
    expr =
      lib.head
        (configOf [
          reporting
          (lib.mkRemovedOptionModule old "Use something else.")
          {
            _file = "host.nix";
            old.name = 1;
          }
        ]).assertions;
    expected = {
      assertion = false;
      message = "The option definition `old.name' in `host.nix' no longer has any effect; please remove it.\nUse something else.\n";
    };
  };
  removed-unused = {
    expr =
      (lib.head
        (configOf [
          reporting
          (lib.mkRemovedOptionModule old "Use something else.")
        ]).assertions
      ).assertion;
    expected = true;
  };
  removed-read = {
    expr =
      (configOf [
        reporting
        (lib.mkRemovedOptionModule old "Use something else.")
        { old.name = 1; }
      ]).old.name;
    error = [
      "The option `old.name' can no longer be used since it's been removed. Use something else."
    ];
  };

  merged = {
    expr =
      let
        config = configOf [
          reporting
          { options.new.name = mkOption { type = types.str; }; }
          (lib.mkMergedOptionModule [ old [ "older" ] ] to (c: "${toString c.old.name}+${c.older}"))
          {
            _file = "host.nix";
            old.name = 1;
            older = "x";
          }
        ];
      in
      [
        config.new.name
        (lib.length config.warnings)
        (lib.head config.warnings)
      ];
    expected = [
      "1+x"
      2
      "The option `old.name' defined in `host.nix' has been changed to `new.name' that has a different type. Please read `new.name' documentation and update your configuration accordingly."
    ];
  };
  changed = {
    expr =
      (configOf [
        reporting
        {
          options.new.name = mkOption {
            type = types.str;
            default = "unset";
          };
        }
        (lib.mkChangedOptionModule old to (c: if c.old.name > 100 then "high" else "low"))
        { old.name = 101; }
      ]).new.name;
    expected = "high";
  };
  changed-unused = {
    expr =
      (configOf [
        reporting
        {
          options.new.name = mkOption {
            type = types.str;
            default = "unset";
          };
        }
        (lib.mkChangedOptionModule old to (_: "never"))
      ]).new.name;
    expected = "unset";
  };

  do-rename-with-condition = {
    expr =
      (configOf [
        new
        (lib.doRename {
          from = old;
          inherit to;
          visible = false;
          warn = false;
          use = lib.id;
          condition = false;
        })
        { old.name = [ "a" ]; }
      ]).new.name;
    expected = [ ];
  };
  alias-definitions = {
    expr =
      (configOf [
        {
          options.a = mkOption { type = types.listOf types.int; };
          options.b = mkOption { type = types.listOf types.int; };
        }
        ({ options, ... }: { b = lib.mkAliasDefinitions options.a; })
        {
          a = lib.mkMerge [
            [ 1 ]
            (lib.mkIf false [ 2 ])
          ];
          b = [ 3 ];
        }
      ]).b;
    expected = [
      3
      1
    ];
  };
  alias-definitions-of-an-undefined-option = {
    expr =
      (configOf [
        {
          options.a = mkOption { type = types.int; };
          options.b = mkOption { default = 5; };
        }
        ({ options, ... }: { b = lib.mkAliasDefinitions options.a; })
      ]).b;
    expected = 5;
  };
  alias-and-wrap = {
    expr =
      (configOf [
        {
          options.a = mkOption { type = types.int; };
          options.b = mkOption { type = types.attrsOf types.int; };
        }
        ({ options, ... }: { b = lib.mkAliasAndWrapDefinitions (x: { inner = x; }) options.a; })
        { a = 1; }
      ]).b;
    expected.inner = 1;
  };
  derived-config = {
    expr =
      let
        options = {
          text = mkOption { type = types.str; };
          source = mkOption { type = types.str; };
        };
        derive = { options, ... }: { source = lib.mkDerivedConfig options.text (t: "file of ${t}"); };
        result =
          text: source:
          (configOf [
            { inherit options; }
            derive
            { inherit text source; }
          ]).source;
      in
      [
        (result (lib.mkForce "a") "mine")
        (result (lib.mkDefault "a") "mine")
      ];
    expected = [
      "file of a"
      "mine"
    ];
  };
  alias-is-documented = {
    expr =
      let
        options =
          (evaluate [
            new
            (lib.mkAliasOptionModule old to)
            (lib.mkRenamedOptionModule [ "older" ] to)
          ]).options;
      in
      map (o: {
        inherit (o) name visible description;
      }) (lib.filter (o: lib.hasPrefix "old" o.name) (lib.optionAttrSetToDocList options));
    expected = [
      {
        name = "old.name";
        visible = true;
        description = "Alias of {option}`new.name`.";
      }
      {
        name = "older";
        visible = false;
        description = "Alias of {option}`new.name`.";
      }
    ];
  };
}
