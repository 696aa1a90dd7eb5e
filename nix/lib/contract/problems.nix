# What the module system cannot see to be wrong with a contract, all of it at once. Each is data until it is thrown.
{
  lib,
  nearest,
  plain,
  needName,
  binds,
  builtinRecipes,
}:
let
  inherit (builtins) attrNames concatMap elem;

  named =
    known: name:
    let
      near = nearest.find name known;
    in
    if near != null then
      "did you mean `${near}`?"
    else if known == [ ] then
      "declare it"
    else
      "known: ${lib.concatStringsSep ", " known}";
in
{
  contract, # config.infra
  probes, # without `enable`
  where, # of kind and name to a place
}:
let
  kinds = {
    inherit probes;
    inherit (contract)
      secrets
      values
      recipes
      exports
      wants
      templates
      ;
  };

  each =
    kind: check: concatMap (name: check (where kind name) name kinds.${kind}.${name}) (attrNames kinds.${kind});

  problem =
    place: code: title: fix: {
      where = place;
      inherit code title fix;
    };

  givenNames = attrNames contract.secrets ++ attrNames contract.values;

  names =
    kind:
    each kind (
      place: name: _:
      let
        fault = needName.fault name;
      in
      lib.optional (fault != null) (
        problem place "invalid-need-name" "`${name}` cannot be the name of a need: ${fault}"
          "rename it to letters, digits and _.-"
      )
    );

  # The parts of a recipe are files, too.
  partsOf =
    place: name: what: parts:
    concatMap (
      part:
      let
        fault = needName.fault part;
      in
      lib.optional (fault != null) (
        problem place "invalid-need-name" "`${part}` cannot be the name of ${what} of the recipe `${name}`: ${fault}"
          "rename it to letters, digits and _.-"
      )
    ) (attrNames parts);

  # One name is one thing: it is a file, a credential and a word of the command line.
  ambiguous =
    kind: others:
    each kind (
      place: name: _:
      concatMap (
        other:
        lib.optional (kinds.${other} ? ${name}) (
          problem place "ambiguous-need" "`${name}` is declared both in infra.${kind} and in infra.${other}"
            "rename one of them; the other is declared in ${where other name}"
        )
      ) others
    );

  recipeOf =
    place: name: need:
    lib.optional
      (
        need.recipe != null && !(contract.recipes ? ${need.recipe}) && !elem need.recipe builtinRecipes
      )
      (
        problem place "unknown-recipe" "`${name}` is made by the recipe `${need.recipe}`, which nobody declares" (
          named (attrNames contract.recipes ++ builtinRecipes) need.recipe
        )
      );

  unknownNeeds =
    place: what: wanted:
    concatMap (
      need:
      lib.optional (!elem need givenNames) (
        problem place "unknown-need" "${what} needs `${need}`, which is neither a secret nor a value of this host" (
          named givenNames need
        )
      )
    ) wanted;

  bindsOf =
    place: name: need:
    concatMap (
      path:
      lib.optional (binds.parse path == null) (
        problem place "wrong-bind" "`${name}` is bound to `${path}`, which is not the path of an option"
          "write it as in Nix: services.nginx.virtualHosts.\"example.org\".root"
      )
    ) need.bind;

  unitsOf =
    place: name: units:
    concatMap (
      unit:
      lib.optional (builtins.match "[A-Za-z0-9:_.@\\-]+" unit == null) (
        problem place "wrong-unit" "`${name}` names the unit `${unit}`, which cannot be one"
          "write the name as systemd has it: web.service"
      )
    ) units;

  consumersOf =
    place: name: units:
    concatMap (
      unit:
      lib.optional (builtins.match ".*[.](socket|timer|target|mount|automount|swap|path|slice|scope|device)" unit != null) (
        problem place "wrong-unit" "`units` of `${name}` names `${unit}`, and only services can be given credentials"
          "name the service that reads it; other units go into restartUnits or reloadUnits"
      )
    ) units;

  secretOf =
    place: name: secret:
    recipeOf place name secret
    ++ bindsOf place name secret
    ++ consumersOf place name secret.units
    ++ unitsOf place name (secret.units ++ secret.restartUnits ++ secret.reloadUnits)
    ++
      lib.optional
        (
          secret.check.minLength != null
          && secret.check.maxLength != null
          && secret.check.minLength > secret.check.maxLength
        )
        (
          problem place "wrong-check"
            "no secret can satisfy the check of `${name}`: at least ${toString secret.check.minLength} and at most ${toString secret.check.maxLength} bytes"
            "swap minLength and maxLength"
        )
    ++ lib.optional (!secret.deploy && (secret.units != [ ] || secret.bind != [ ])) (
      problem place "wrong-deploy" "`${name}` is not sent to the host (deploy = false), but has units or options that consume it"
        "remove `deploy = false`, or `units` and `bind`"
    )
    ++ lib.optional (secret.phase == "users" && (!isRoot secret.owner || !isRoot secret.group)) (
      problem place "wrong-owner" "`${name}` is there before accounts are made (phase = \"users\"), so it cannot belong to ${secret.owner}:${secret.group}"
        "leave owner and group to root, or use phase = \"services\""
    );

  isRoot = account: account == "root" || account == "0";

  valueOf =
    place: name: value:
    recipeOf place name value
    ++ bindsOf place name value
    ++ factOf place name value
    ++ notPlain place "the default of the value `${name}`" value.default
    ++ notPlain place "the example of the value `${name}`" value.example;

  # A fact is what one host answers, written down in clear text.
  factOf =
    place: name: value:
    let
      wrong =
        condition: why: fix:
        lib.optional (value.fact != null && condition) (problem place "wrong-fact" why fix);
    in
    wrong (value.scope == "shared")
      "`${name}` is the same for all hosts (scope = \"shared\"), and a fact is what one host answers"
      "remove `fact` or `scope`"
    ++ wrong value.private "`${name}` is private, and facts are kept in context/facts/ in clear text"
      "remove `fact`, and give it: infra secret new; or remove `private`"
    ++ wrong (value.recipe != null)
      "`${name}` has both a recipe and a fact: it is either made or learned from the host"
      "remove `recipe` or `fact`";

  notPlain =
    place: what: value:
    lib.optional (value._type or null != "infra-none" && !plain.is value) (
      problem place "wrong-type" "${what} is not plain data (${plain.kindOf value})"
        "use what TOML can hold: text, numbers, true and false, lists and tables of them; a path as text"
    );

  recipe =
    place: name: value:
    lib.optional ((value.script == null) == (value.builtin == null)) (
      problem place "wrong-recipe" "the recipe `${name}` must have either `script` or `builtin`"
        "add: builtin = \"password\"; or a script that writes into $out"
    )
    ++ lib.optional (value.script != null && value.outputs == { }) (
      problem place "wrong-recipe" "the recipe `${name}` does not say what its script makes"
        "add: outputs.${name} = { };"
    )
    ++ partsOf place name "an output" value.outputs
    ++ partsOf place name "a prompt" value.prompts
    ++ unknownNeeds place "the recipe `${name}`" (value.needs ++ value.regenerateOn);

  want =
    place: name: value:
    let
      said =
        lib.optional (value.from.host != null) "host"
        ++ lib.optional (value.from.tag != null) "tag"
        ++ lib.optional value.from.parent "parent"
        ++ lib.optional value.from.guests "guests";
    in
    lib.optional (builtins.length said != 1) (
      problem place "wrong-want"
        "`from` of the want `${name}` must say exactly one of host, tag, parent, guests${
          lib.optionalString (said != [ ]) ", and says ${lib.concatStringsSep ", " said}"
        }"
        "write for example: from.tag = \"backup\";"
    );

  kindsOfProbe = [
    "unit"
    "port"
    "http"
    "command"
    "file"
    "reachableFrom"
  ];

  probe =
    place: name: value:
    let
      said = builtins.filter (kind: value.${kind} != null) kindsOfProbe;
    in
    lib.optional (builtins.length said != 1) (
      problem place "wrong-probe"
        "the probe `${name}` must say exactly one of ${lib.concatStringsSep ", " kindsOfProbe}${
          lib.optionalString (said != [ ]) ", and says ${lib.concatStringsSep ", " said}"
        }"
        "make it one probe for each"
    );

  template =
    place: name: value:
    unknownNeeds place "the template `${name}`" value.needs
    ++ consumersOf place name value.units
    ++ unitsOf place name (value.units ++ value.restartUnits ++ value.reloadUnits);
in
concatMap names (attrNames kinds)
++ ambiguous "values" [ "secrets" ]
++ ambiguous "templates" [
  "secrets"
  "values"
]
++ each "secrets" secretOf
++ each "values" valueOf
++ each "recipes" recipe
++ each "wants" want
++ each "probes" probe
++ each "templates" template
