# What the stand-in offers, nixpkgs offers too, under the same names: nothing may be built on an invention of ours.
{ lib, ... }:
let
  names = import ../../../pocket/lib/names.nix;
  offered = import ../../../pocket/lib;
  lacking = topic: map (name: "${topic}.${name}") (lib.filter (name: !(lib.${topic} ? ${name})) names.${topic});

  # Parts of the stand-in's own machinery, which its files find each other by.
  ours = {
    modules = [
      "applyModuleArgs"
      "collectModules"
      "declarationTypeError"
      "internalKey"
      "internalModule"
      "nestedOptionsError"
      "notAModuleError"
      "unmatchedError"
    ];
    types = [
      "elemTypeFunctor"
      "mergeChecked"
      "mkCheckedType"
    ];
  };
  inventions =
    topic:
    map (name: "${topic}.${name}") (
      lib.filter (name: !(lib.${topic} ? ${name}) && !(lib.elem name (ours.${topic} or [ ]))) (
        lib.attrNames offered.${topic}
      )
    );
in
{
  direct = {
    expr = lib.filter (name: !(lib ? ${name})) (lib.concatLists (lib.attrValues names));
    expected = [ ];
  };
  by-topic = {
    expr = lib.concatMap lacking (lib.attrNames names);
    expected = [ ];
  };
  nothing-invented = {
    expr = lib.concatMap inventions (
      lib.attrNames names
      ++ [
        "path"
        "licenses"
      ]
    );
    expected = [ ];
  };
  whole-library = {
    expr = lib.filter (name: !(lib ? ${name})) (lib.attrNames offered);
    expected = [ ];
  };
}
