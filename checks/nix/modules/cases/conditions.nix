# mkIf, mkMerge, mkAssert.
{
  lib,
  types,
  mkOption,
  configOf,
  merge,
  ...
}:
let
  inherit (lib)
    mkDefault
    mkForce
    mkIf
    mkMerge
    ;
  strings = types.listOf types.str;
in
{
  if-true = {
    expr = merge types.int [ (mkIf true 1) ];
    expected = 1;
  };
  if-false-is-no-definition = {
    expr = merge strings [
      (mkIf false [ "a" ])
      [ "b" ]
    ];
    expected = [ "b" ];
  };
  if-around-override = {
    expr = merge types.int [
      (mkIf true (mkForce 1))
      2
    ];
    expected = 1;
  };
  if-in-if = {
    expr = merge strings [
      (mkIf true (mkIf false [ "a" ]))
      (mkIf true (mkIf true [ "b" ]))
    ];
    expected = [ "b" ];
  };
  if-not-a-boolean = {
    expr = merge types.int [ (mkIf "yes" 1) ];
    error = [
      "while evaluating definitions from `d1.nix':"
      "‘mkIf’ called with a non-Boolean condition"
    ];
  };
  if-depends-on-config = {
    expr = configOf [
      {
        options.a = lib.mkEnableOption "a";
        options.b = mkOption { default = 0; };
      }
      ({ config, ... }: mkIf config.a { b = 1; })
      { a = true; }
    ];
    expected = {
      a = true;
      b = 1;
    };
  };
  if-on-a-set-depends-on-its-part = {
    expr = configOf [
      {
        options.s.enable = lib.mkEnableOption "s";
        options.s.n = mkOption { default = 0; };
      }
      ({ config, ... }: {
        s = mkIf config.s.enable { n = 5; };
      })
      { s.enable = true; }
    ];
    expected.s = {
      enable = true;
      n = 5;
    };
  };
  if-on-a-set-with-unknown-option = {
    expr = configOf [
      { options.s.n = mkOption { default = 0; }; }
      {
        _file = "f.nix";
        s = mkIf false { m = 1; };
      }
    ];
    error = [ "The option `s.m' does not exist." ];
  };

  merge-list = {
    expr = merge strings [
      (mkMerge [
        [ "a" ]
        (mkIf false [ "b" ])
        (mkMerge [ [ "c" ] ])
      ])
    ];
    expected = [
      "a"
      "c"
    ];
  };
  merge-of-sets = {
    expr = configOf [
      {
        options.a.b = mkOption { type = strings; };
        options.a.c = mkOption { default = 0; };
      }
      {
        a = mkMerge [
          { b = [ "1" ]; }
          {
            b = [ "2" ];
            c = 1;
          }
        ];
      }
    ];
    expected.a = {
      b = [
        "1"
        "2"
      ];
      c = 1;
    };
  };
  merge-with-priorities = {
    expr = merge types.int [
      (mkMerge [
        (mkDefault 1)
        2
      ])
    ];
    expected = 2;
  };

  assert-holds = {
    expr = merge types.int [ (lib.mkAssert true "never" 1) ];
    expected = 1;
  };
  assert-fails = {
    expr = merge types.int [ (lib.mkAssert false "the reason" 1) ];
    error = [ "Failed assertion: the reason" ];
  };
}
