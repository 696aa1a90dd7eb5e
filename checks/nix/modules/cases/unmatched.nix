# Definitions that no option takes: refused with suggestions, or merged by a freeform type.
{
  lib,
  types,
  mkOption,
  configOf,
  ...
}:
let
  at = file: config: {
    _file = file;
    inherit config;
  };
  many = lib.genAttrs (map (n: "option${toString n}") (lib.range 100 250)) (_: mkOption { default = 1; });
in
{
  unknown-option = {
    expr = configOf [
      { options.services.web.enable = lib.mkEnableOption "web"; }
      (at "host.nix" { services.web.enabel = true; })
    ];
    error = [
      "The option `services.web.enabel' does not exist. Definition values:"
      "- In `host.nix': true"
      "Did you mean `services.web.enable'?"
    ];
  };
  unknown-option-several-suggestions = {
    expr = configOf [
      {
        options = {
          port = mkOption { default = 1; };
          host = mkOption { default = 1; };
          part = mkOption { default = 1; };
          zzzzzzzz = mkOption { default = 1; };
        };
      }
      (at "f.nix" { porr = 1; })
    ];
    error = [ "Did you mean `port', `part' or `host'?" ];
  };
  unknown-option-among-many = {
    expr = configOf [
      { options = many; }
      (at "f.nix" { option1O5 = 1; })
    ];
    error = [
      "The option `option1O5' does not exist."
      "Did you mean `option105', `option115' or `option125'?"
    ];
  };
  unknown-option-nothing-near-among-many = {
    expr = configOf [
      { options = many; }
      (at "f.nix" { unrelated = 1; })
    ];
    error = [ "The option `unrelated' does not exist. Definition values: - In `f.nix': 1" ];
  };
  unknown-option-no-options-at-all = {
    expr = configOf [ (at "f.nix" { a.b = 1; }) ];
    error = [
      "The option `a' does not exist. Definition values:"
      "- In `f.nix': { b = 1; }"
      "It seems as if you're trying to declare an option by placing it into `config' rather than `options'!"
    ];
  };
  unknown-option-under-mkif = {
    expr = configOf [
      { options.a = mkOption { default = 1; }; }
      (at "f.nix" (lib.mkIf false { b = 1; }))
    ];
    error = [ "The option `b' does not exist." ];
  };
  unknown-option-quoted = {
    expr = configOf [
      { options.a."x.y" = mkOption { default = 1; }; }
      (at "f.nix" { a."x.z" = 1; })
    ];
    error = [ ''The option `a."x.z"' does not exist.'' ''Did you mean `a."x.y"'?'' ];
  };
  set-expected = {
    expr = configOf [
      { options.a.b = mkOption { default = 1; }; }
      (at "f.nix" { a = 5; })
    ];
    error = [
      "In module `f.nix', you're trying to define a value of type `int'"
      "rather than an attribute set for the option"
      "`a'!"
    ];
  };
  failing-values-are-left-out = {
    expr = configOf [
      { options.a = mkOption { default = 1; }; }
      (at "f.nix" { b = throw "inner"; })
    ];
    error = [ "The option `b' does not exist. Definition values: - In `f.nix' Did you mean `a'?" ];
  };

  freeform = {
    expr = configOf [
      {
        freeformType = types.attrsOf types.int;
        options.known = mkOption {
          type = types.str;
          default = "yes";
        };
      }
      { other = 1; }
      { more = lib.mkIf true 2; }
    ];
    expected = {
      known = "yes";
      other = 1;
      more = 2;
    };
  };
  freeform-nested = {
    expr = configOf [
      {
        freeformType = types.attrsOf (types.attrsOf types.int);
        options.a.known = mkOption { default = 0; };
      }
      { a.other = 1; }
      { b.x = 2; }
    ];
    expected = {
      a = {
        known = 0;
        other = 1;
      };
      b.x = 2;
    };
  };
  freeform-wrong-value = {
    expr = configOf [
      { freeformType = types.attrsOf types.int; }
      (at "f.nix" { other = "text"; })
    ];
    error = [
      "A definition for option `other' is not of type `signed integer'. Definition values:"
      "- In `f.nix': \"text\""
    ];
  };
  freeform-declared-twice = {
    expr = configOf [
      { freeformType = types.attrsOf (types.enum [ "a" ]); }
      { freeformType = types.attrsOf (types.enum [ "b" ]); }
      {
        x = "a";
        y = "b";
      }
    ];
    expected = {
      x = "a";
      y = "b";
    };
  };
  freeform-lazy-reads-itself = {
    expr = configOf [
      { freeformType = types.lazyAttrsOf types.int; }
      ({ config, ... }: {
        a = 1;
        b = config.a + 1;
      })
    ];
    expected = {
      a = 1;
      b = 2;
    };
  };
}
