# A contract as data: what the command reads of it. nix/docs/wire.md describes every key.
{
  lib,
  problem,
  plain,
  types,
  positions,
  problemsOf,
  isNone,
}:
{
  host, # its name
  root, # as text
  config,
  options,
}:
let
  inherit (builtins) attrNames mapAttrs;

  contract = config.infra;
  probes = removeAttrs contract.probes [ "enable" ];

  places = positions.of { inherit options root; };

  # Each need with where it is declared.
  each =
    kind: needs: describe:
    let
      placesOf = places kind;
    in
    mapAttrs (name: need: describe name need // { declared = placesOf name; }) needs;

  serviceName = unit: if builtins.match ".*[.][a-z]+" unit == null then "${unit}.service" else unit;

  # Only these keys: the results beside them throw as long as nothing is filled.
  secret = _: need: {
    inherit (need)
      description
      scope
      phase
      owner
      group
      mode
      restartUnits
      reloadUnits
      format
      check
      required
      deploy
      recipe
      rotate
      bind
      path
      ;
    units = map serviceName need.units;
  };

  given = key: value: lib.optionalAttrs (!isNone value) { ${key} = value; };

  # A default that the type refuses is the contract's own mistake, and is found before anybody fills anything.
  checkedDefault =
    name: need:
    if isNone need.default then
      { }
    else
      builtins.seq (builtins.deepSeq
        (lib.modules.mergeDefinitions
          [
            "infra"
            "values"
            name
            "default"
          ]
          need.type
          [
            {
              file = positions.text places "values" name;
              value = need.default;
            }
          ]
        ).mergedValue
        true
      ) { inherit (need) default; };

  # Tagged, so that no name of a fact can be taken for something else.
  question =
    fact:
    if fact == null then
      null
    else if builtins.isString fact then
      { builtin = fact; }
    else
      { inherit (fact) command; };

  value =
    name: need:
    {
      inherit (need)
        description
        private
        recipe
        scope
        bind
        ;
      fact = question need.fact;
      type = types.toData need.type;
    }
    // given "example" need.example
    // checkedDefault name need;

  recipe = _: need: {
    inherit (need)
      needs
      prompts
      outputs
      packages
      script
      builtin
      options
      seed
      regenerateOn
      expires
      ;
  };

  # While something is open, an export that cannot be computed waits for it. Afterwards an export that throws is an error.
  isOpen = builtins.any (success: !success) (
    map (need: (builtins.tryEval (builtins.seq need.value true)).success) (
      builtins.attrValues contract.values
    )
    ++ map (need: (builtins.tryEval (builtins.seq need.values true)).success) (
      builtins.attrValues contract.wants
    )
  );

  exported =
    name: need:
    let
      checked =
        (lib.modules.mergeDefinitions
          [
            "infra"
            "exports"
            name
            "value"
          ]
          need.type
          [
            {
              file = positions.text places "exports" name;
              inherit (need) value;
            }
          ]
        ).mergedValue;
      data =
        if plain.is checked then
          { value = checked; }
        else
          problem.raise [
            {
              code = "wrong-type";
              title = "the export `${name}` of host `${host}` is not plain data (${plain.kindOf checked})";
              where = positions.text places "exports" name;
              fix = "export what TOML can hold: text, numbers, true and false, lists and tables of them; a path as text";
            }
          ];
      now = builtins.tryEval (builtins.deepSeq data data);
    in
    if now.success then
      now.value
    else if isOpen then
      { }
    else
      data;

  export = name: need: { type = types.toData need.type; } // exported name need;

  from =
    said:
    lib.filterAttrs (_: value: value != null && value != false) {
      inherit (said)
        host
        tag
        parent
        guests
        ;
    };

  want = _: need: {
    from = from need.from;
    inherit (need) export many;
  };

  probe =
    _: need:
    lib.filterAttrs (_: value: value != null) {
      inherit (need)
        unit
        port
        http
        command
        file
        reachableFrom
        ;
    }
    // {
      inherit (need)
        within
        every
        successes
        critical
        ;
    };

  mentions = text: placeholder: builtins.replaceStrings [ placeholder ] [ "" ] text != text;

  template = _: need: {
    inherit (need)
      source
      path
      owner
      group
      mode
      restartUnits
      reloadUnits
      ;
    units = map serviceName need.units;
    needs = lib.unique (
      need.needs
      ++ builtins.filter (name: mentions need.source contract.secrets.${name}.placeholder) (
        attrNames contract.secrets
      )
    );
  };
in
problem.unless
  (problemsOf {
    inherit contract probes;
    where = positions.text places;
  })
  {
    schema = 1;
    inherit host;
    secrets = each "secrets" contract.secrets secret;
    values = each "values" contract.values value;
    recipes = each "recipes" contract.recipes recipe;
    exports = each "exports" contract.exports export;
    wants = each "wants" contract.wants want;
    probes = {
      inherit (contract.probes) enable;
      probes = each "probes" probes probe;
    };
    templates = each "templates" contract.templates template;
  }
