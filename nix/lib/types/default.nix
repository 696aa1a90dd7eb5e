# `infra.types`: option types for what hosts are configured with, and every type as data (json.nix), so that the command can judge a
# value before Nix sees it.
#
# What a text must look like stands in patterns.json, which the command reads too (cli/model): one grammar, two readers, one verdict.
{ lib, plain }:
let
  inherit (lib) mkOptionType;

  patterns = builtins.fromJSON (builtins.readFile ./patterns.json);

  # A type that says what it is in words of the manifest. Declared twice, it is itself.
  named =
    kind: description: check:
    let
      type = mkOptionType {
        name = kind;
        inherit description check;
        descriptionClass = "noun";
        merge = lib.options.mergeEqualOption;
        functor = {
          name = kind;
          inherit type;
          payload = null;
          binOp = _: _: null;
        };
      }
      // {
        infraType = { inherit kind; };
      };
    in
    type;

  text =
    kind:
    let
      rule = patterns.${kind};
    in
    named kind rule.expected (
      value:
      builtins.isString value
      # Before the pattern: Nix' matcher needs a stack as deep as the text is long.
      && builtins.stringLength value <= rule.maxLength
      && builtins.match rule.pattern value != null
    );

  # nixpkgs' takes a path for a module and imports it, and a text that begins with `/` for a path. A value is a table.
  submodule = module: lib.types.addCheck (lib.types.submodule module) builtins.isAttrs;

  port = named "port" "a port from 1 to 65535" (
    value: builtins.isInt value && value >= 1 && value <= 65535
  );
in
{
  inherit patterns;

  # Of type to TYPE of the manifest.
  toData = import ./json.nix { inherit lib plain; };

  # What modules see as `infra.types`: ours, and those of nixpkgs that the command can judge, under the names of nixpkgs. (The patterns
  # without a greatest length are those of types of nixpkgs, which Nix judges without them.)
  offered =
    builtins.mapAttrs (kind: _: text kind) (lib.filterAttrs (_: rule: rule ? maxLength) patterns)
    // {
      inherit port submodule;
      inherit (lib.types)
        anything
        attrsOf
        bool
        either
        enum
        float
        int
        ints
        listOf
        nonEmptyStr
        nullOr
        oneOf
        path
        str
        strMatching
        ;
    };
}
