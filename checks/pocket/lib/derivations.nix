# Derivations as values.
{ lib }:
let
  inherit (lib) genAttrs throwIfNot;
in
{
  inherit (builtins) addDrvOutputDependencies unsafeDiscardOutputDependency;

  # The attributes every derivation has, known before the derivation is evaluated.
  lazyDerivation =
    args@{
      derivation,
      meta ? null,
      passthru ? { },
      outputs ? [ "out" ],
    }:
    let
      checked =
        throwIfNot (derivation.type or null == "derivation") "lazyDerivation: input must be a derivation."
          throwIfNot
          (derivation.outputs == outputs)
          "lib.lazyDerivation: The derivation ${derivation.name or "<unknown>"} has outputs that don't match the assumed outputs: pass `outputs` as the derivation has them."
          derivation;
    in
    {
      type = "derivation";
      inherit (checked)
        drvPath
        name
        outPath
        outputName
        system
        ;
      inherit outputs;
      meta = args.meta or checked.meta;
    }
    // genAttrs outputs (output: checked.${output})
    // passthru;

  optionalDrvAttr = cond: value: if cond then value else null;
}
