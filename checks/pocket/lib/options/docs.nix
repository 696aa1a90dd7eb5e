# Options as data for documentation.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    concatMap
    filter
    isAttrs
    isBool
    isList
    mapAttrs
    ;
  inherit (lib) collect isOption optionalAttrs;
  inherit (lib.options) renderOptionValue showOption unknownModule;

  # Defaults of types with submodules may need definitions to evaluate; their parts are documented one by one anyway.
  hasEmptyDefault =
    opt: opt ? type && opt.type.emptyValue or { } ? value && opt.type.getSubModules or null == null;

  document =
    opt:
    let
      name = showOption opt.loc;
      visible = opt.visible or true;
      inContext = what: addErrorContext "while evaluating the ${what} of option `${name}`";

      entry = {
        inherit (opt) loc;
        inherit name;
        description = opt.description or null;
        declarations = filter (file: file != unknownModule) opt.declarations;
        internal = opt.internal or false;
        visible = if isBool visible then visible else visible == "shallow";
        readOnly = opt.readOnly or false;
        type = opt.type.description or "unspecified";
      }
      // optionalAttrs (opt ? example) {
        example = inContext "example" (renderOptionValue opt.example);
      }
      // optionalAttrs (opt ? defaultText || opt ? default || hasEmptyDefault opt) {
        default = inContext (if opt ? defaultText then "defaultText" else "default value") (
          renderOptionValue (opt.defaultText or opt.default or opt.type.emptyValue.value)
        );
      }
      // optionalAttrs (opt.relatedPackages or null != null) { inherit (opt) relatedPackages; };

      below = opt.type.getSubOptions opt.loc;
      showBelow = if isBool visible then visible else visible == "transparent";
    in
    [ entry ] ++ (if showBelow && below != { } then optionAttrSetToDocList below else [ ]);

  optionAttrSetToDocList = options: concatMap document (collect isOption options);

  scrubOptionValue =
    x:
    if lib.isDerivation x then
      {
        inherit (x) name;
        type = "derivation";
        drvPath = x.name;
        outPath = x.name;
      }
    else if isList x then
      map scrubOptionValue x
    else if isAttrs x then
      mapAttrs (_: scrubOptionValue) (removeAttrs x [ "_args" ])
    else
      x;
in
{
  inherit optionAttrSetToDocList scrubOptionValue;
  optionAttrSetToDocList' = _loc: optionAttrSetToDocList;

  # Texts stay as they are; everything else becomes the Nix expression that makes it.
  renderOptionValue =
    v:
    if v ? _type && v ? text then
      v
    else
      lib.literalExpression (
        lib.generators.toPretty {
          multiline = true;
          allowPrettyValues = true;
        } v
      );
}
