# Option declarations and texts for their documentation.
{ lib }:
let
  inherit (builtins) isString;
  inherit (lib) optionalAttrs types;

  literal =
    kind: text:
    if isString text then
      {
        _type = kind;
        inherit text;
      }
    else
      throw "${kind} expects a string.";
  literalExpression = literal "literalExpression";

  # The pattern is the check: an attribute that options do not have is an error where it is written.
  mkOption =
    {
      default ? null,
      defaultText ? null,
      example ? null,
      description ? null,
      relatedPackages ? null,
      type ? null,
      apply ? null,
      internal ? null,
      visible ? null,
      readOnly ? null,
    }@option:
    option // { _type = "option"; };

  mkPackageOption =
    pkgs: name:
    {
      nullable ? false,
      default ? name,
      example ? null,
      extraDescription ? "",
      pkgsText ? "pkgs",
    }:
    let
      path = lib.toList default;
      shown = lib.showAttrPath path;
      title = if builtins.isList name then lib.last name else name;
    in
    mkOption (
      {
        type = if nullable then types.nullOr types.package else types.package;
        description = builtins.concatStringsSep " " (
          [ "The ${title} package to use." ] ++ lib.optional (extraDescription != "") extraDescription
        );
      }
      // (
        if default != null then
          {
            default = lib.attrByPath path (throw "${shown} cannot be found in ${pkgsText}") pkgs;
            defaultText = literalExpression "${pkgsText}.${shown}";
          }
        else
          optionalAttrs nullable { default = null; }
      )
      // optionalAttrs (example != null) {
        example = literalExpression (
          if builtins.isList example then "${pkgsText}.${lib.showAttrPath example}" else example
        );
      }
    );
in
{
  inherit literalExpression mkOption mkPackageOption;

  isOption = lib.isType "option";

  literalMD = literal "literalMD";
  literalCode = language: text: literal "literalMD" "```${language}\n${text}\n```\n";

  mkEnableOption =
    name:
    mkOption {
      default = false;
      example = true;
      description = "Whether to enable ${name}.";
      type = types.bool;
    };

  # Takes any definition and has no value: for modules shared with evaluations that lack the option.
  mkSinkUndeclaredOptions =
    option:
    mkOption (
      {
        internal = true;
        visible = false;
        default = false;
        description = "Sink for option definitions.";
        type = lib.mkOptionType {
          name = "sink";
          check = _: true;
          merge = _loc: _defs: false;
        };
        apply = _: throw "Option value is not readable because the option is not declared.";
      }
      // option
    );
}
