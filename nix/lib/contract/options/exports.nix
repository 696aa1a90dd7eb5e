# infra.exports: what other hosts may ask this one for.
{ lib, words, ... }:
words.named {
  description = "Values this host offers to others, by name.";
  example = {
    backup-port = {
      type = lib.literalExpression "infra.types.port";
      value = 8000;
    };
  };
  options = _: _: {
    type = lib.mkOption {
      type = lib.types.optionType;
      default = lib.types.anything;
      defaultText = lib.literalExpression "lib.types.anything";
      description = "What it is.";
    };
    value = lib.mkOption {
      type = lib.types.raw;
      description = "The value: plain data, made from nothing but contracts.";
    };
  };
}
