# The reference of contract options in nix/docs/contracts.md, from the options themselves.
{ lib, infraLib }:
let
  inherit
    (lib.evalModules {
      modules = [
        infraLib.contract.module
        { _module.check = false; }
      ];
    })
    options
    ;

  kinds = [
    "secrets"
    "values"
    "recipes"
    "exports"
    "wants"
    "probes"
    "templates"
  ];

  # A value as one writes it in Nix, or the text that stands for it.
  shown =
    value:
    let
      text = value.text or (lib.generators.toPretty { multiline = false; } value);
    in
    if value._type or "" == "literalMD" then text else "`${text}`";

  clean = builtins.replaceStrings [ "|" "\n" ] [ "\\|" " " ];

  row =
    prefix: option:
    "| `${lib.removePrefix prefix option.name}` | ${clean option.type} | ${
      if option.readOnly or false then
        "result"
      else if option ? default then
        clean (shown option.default)
      else
        "required"
    } | ${clean option.description} |";

  table =
    kind:
    let
      all = builtins.filter (option: !(option.internal or false)) (lib.optionAttrSetToDocList { infra.${kind} = options.infra.${kind}; });
      prefix = "infra.${kind}.<name>.";
      whole = builtins.head (builtins.filter (option: option.name == "infra.${kind}") all);
      inner = builtins.filter (option: lib.hasPrefix prefix option.name) all;
      beside = builtins.filter (
        option: option.name != "infra.${kind}" && !lib.hasPrefix "infra.${kind}.<name>" option.name
      ) all;
    in
    [
      "### `infra.${kind}.<name>`"
      ""
      whole.description
      ""
      "| option | type | default | meaning |"
      "| --- | --- | --- | --- |"
    ]
    ++ map (row prefix) inner
    ++ map (row "") beside
    ++ [ "" ];

  described =
    kind:
    builtins.all (option: option.description or "" != "") (
      lib.optionAttrSetToDocList { infra.${kind} = options.infra.${kind}; }
    );
in
if builtins.all described kinds then
  lib.removeSuffix "\n" (lib.concatStringsSep "\n" (lib.concatMap table kinds))
else
  throw "an option of a contract has no description"
