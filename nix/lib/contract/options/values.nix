# infra.values: what a host must be told and anybody may know.
{
  lib,
  words,
  filled,
  unfilled,
  ...
}:
let
  inherit (lib) mkOption;
  t = lib.types;

  # `context/…` comes first, then what the host once answered, then the default. The type has the last word, and names the file that gave the value.
  resolve =
    name: config:
    let
      found = filled.values.${name} or null;
      given = if found != null && answers found config then found else null;
      check =
        file: value:
        (lib.modules.mergeDefinitions
          [
            "infra"
            "values"
            name
            "value"
          ]
          config.type
          [ { inherit file value; } ]
        ).mergedValue;
    in
    if given != null then
      check given.file given.value
    else if words.isNone config.default then
      unfilled.value name config.type config.scope config.fact
    else
      check "the default of `${name}`" config.default;

  # Words, not a line for a shell: nothing is split, and nothing has to be quoted.
  question = t.submodule {
    options.command = mkOption {
      type = t.nonEmptyListOf t.str;
      example = [
        "cat"
        "/sys/class/dmi/id/product_serial"
      ];
      description = "A program of the host and its arguments. What it prints is the value: a text as it is, everything else as JSON.";
    };
  };

  # A fact answers the question that was asked; when the contract asks another, it is none.
  answers = given: config: !(given ? fact) || (config.fact != null && given.fact == (config.fact.command or config.fact));

  none =
    description: example:
    mkOption {
      type = words.data;
      default = words.none;
      defaultText = lib.literalMD "none";
      inherit description example;
    };
in
words.named {
  description = "Values this host needs, by name.";
  example = {
    git-domain = {
      type = lib.literalExpression "infra.types.fqdn";
      description = "The name people type to reach the forge";
    };
  };
  options = name: config: {
    inherit (words) description scope recipe;
    bind = words.bind "the value";

    type = mkOption {
      type = t.optionType;
      default = t.str;
      defaultText = lib.literalExpression "lib.types.str";
      example = lib.literalExpression "infra.types.port";
      description = "What it may be: one of `infra.types` or `lib.types`. The command judges it by the same type before Nix does.";
    };
    example = none "A value as it could be, shown to the person who is asked for it." "git.example.org";
    default = none "The value if nobody gives one. Plain data." "git.home.arpa";
    private = mkOption {
      type = t.bool;
      default = false;
      description = "Whether it is stored encrypted in the repository. It is no secret: it enters Nix, and the store of its host, where every user of that host can read it.";
    };
    fact = words.orNull (t.either (t.enum words.builtinFacts) question) {
      example = "ipv4";
      description = "Learned from the host when it is first deployed, and kept in `context/facts/`: the name of a fact, or `{ command = [ … ]; }`, which runs on the host as root and prints the value.";
    };

    value = words.result (resolve name config) "The value. Reading one that nobody gave is an error that says how to give it.";
  };
}
