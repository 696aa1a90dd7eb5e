# infra.wants: what this host takes from the exports of others.
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

  answers =
    name: config:
    filled.wants.${name} or (unfilled.want name);

  one =
    name: config:
    let
      all = answers name config;
      hosts = builtins.attrNames all;
    in
    if config.many || builtins.length hosts != 1 then
      unfilled.notOne name config hosts
    else
      all.${builtins.head hosts};

  flag =
    description:
    mkOption {
      type = t.bool;
      default = false;
      inherit description;
    };
in
words.named {
  description = "Values this host takes from others, by name.";
  example = {
    backup = {
      from.tag = "backup";
      export = "backup-port";
    };
  };
  options = name: config: {
    from = {
      host = words.orNull t.str {
        example = "nas";
        description = "The host of this name.";
      };
      tag = words.orNull t.str {
        example = "backup";
        description = "The hosts with this tag.";
      };
      parent = flag "The host that runs this guest.";
      guests = flag "The guests of this host.";
    };
    export = mkOption {
      type = t.str;
      default = name;
      defaultText = lib.literalMD "its name";
      description = "Which of their exports.";
    };
    many = flag "Whether several hosts may answer, or none. Otherwise exactly one must.";

    value = words.result (one name config) "The value of the one host that answered.";
    values = words.result (answers name config) "The values by host.";
  };
}
