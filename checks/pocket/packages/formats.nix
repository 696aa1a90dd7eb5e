# nixpkgs' pkgs.formats: for each file format the option type of its values, and how to write one.
{ lib, pkgs, bootstrap }:
let
  inherit (lib) types;

  atom = types.nullOr (types.oneOf [ types.bool types.int types.float types.str types.path ]);

  # Values nested to any depth, described as the format they are of.
  nested = description: leaf:
    let
      value = types.nullOr (types.oneOf [ leaf (types.attrsOf value) (types.listOf value) ]) // { inherit description; };
    in
    value;

  toTOML = import ./toml.nix { inherit lib; };

  # jq writes the same bytes as nixpkgs does.
  prettyJson = name: value: pkgs.runCommand name { nativeBuildInputs = [ pkgs.jq ]; value = builtins.toJSON value; passAsFile = [ "value" ]; }
    ''jq . "$valuePath" > $out'';
in
{
  json = { }: { type = nested "JSON value" atom; generate = prettyJson; };

  # Every JSON text is a YAML text.
  yaml = { }: { type = nested "YAML value" atom; generate = prettyJson; };

  toml = { }: {
    type = nested "TOML value" (types.oneOf [ types.bool types.int types.float types.str types.path ]);
    generate = name: value: pkgs.writeText name (toTOML value);
  };

  ini = { listsAsDuplicateKeys ? false, listToValue ? null, ... }@args:
    let
      single = types.nullOr (types.oneOf [ types.bool types.int types.float types.str ]);
      value = if listsAsDuplicateKeys || listToValue != null then types.either single (types.listOf single) else single;
      flatten = lib.mapAttrs (_: section: lib.mapAttrs (_: v: if builtins.isList v && listToValue != null then listToValue v else v) section);
    in
    {
      type = types.attrsOf (types.attrsOf value) // { description = "section of an INI file (attrs of INI atoms)"; };
      generate = name: settings: pkgs.writeText name (lib.generators.toINI (removeAttrs args [ "listToValue" ]) (flatten settings));
    };

  keyValue = { listsAsDuplicateKeys ? false, listToValue ? null, ... }@args:
    let
      single = types.nullOr (types.oneOf [ types.bool types.int types.float types.str ]);
      value = if listsAsDuplicateKeys || listToValue != null then types.either single (types.listOf single) else single;
      flatten = lib.mapAttrs (_: v: if builtins.isList v && listToValue != null then listToValue v else v);
    in
    {
      type = types.attrsOf value // { description = "attribute set of key-value atoms"; };
      generate = name: settings: pkgs.writeText name (lib.generators.toKeyValue (removeAttrs args [ "listToValue" ]) (flatten settings));
    };
}
