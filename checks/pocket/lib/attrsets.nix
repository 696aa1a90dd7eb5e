# Attribute sets.
{ lib }:
let
  inherit (builtins)
    all
    attrNames
    attrValues
    catAttrs
    concatMap
    elemAt
    filter
    foldl'
    hasAttr
    head
    isAttrs
    length
    listToAttrs
    mapAttrs
    zipAttrsWith
    ;
  inherit (lib) foldr;

  nameValuePair = name: value: { inherit name value; };

  attrByPath =
    path: default: set:
    let
      depth = length path;
      go =
        n: value:
        if n == depth then
          value
        else if value ? ${elemAt path n} then
          go (n + 1) value.${elemAt path n}
        else
          default;
    in
    go 0 set;

  # How many names of the path exist, one in the other.
  reach =
    path: set:
    let
      depth = length path;
      go = n: value: if n < depth && value ? ${elemAt path n} then go (n + 1) value.${elemAt path n} else n;
    in
    go 0 set;

  setAttrByPath = path: value: foldr (name: inner: { ${name} = inner; }) value path;

  genAttrs' = xs: f: listToAttrs (map f xs);
  genAttrs = names: f: genAttrs' names (name: nameValuePair name (f name));

  mapAttrsToList = f: set: attrValues (mapAttrs f set);

  filterAttrsRecursive =
    pred: set:
    listToAttrs (
      concatMap (
        name:
        let
          value = set.${name};
        in
        if pred name value then
          [ (nameValuePair name (if isAttrs value then filterAttrsRecursive pred value else value)) ]
        else
          [ ]
      ) (attrNames set)
    );

  collect =
    pred: x:
    if pred x then
      [ x ]
    else if isAttrs x then
      concatMap (collect pred) (attrValues x)
    else
      [ ];

  mapAttrsRecursiveCond =
    descend: f:
    let
      at =
        path:
        mapAttrs (
          name: value:
          let
            here = path ++ [ name ];
          in
          if isAttrs value && descend value then at here value else f here value
        );
    in
    at [ ];

  mapAttrsToListRecursiveCond =
    descend: f:
    let
      at =
        path: set:
        concatMap (
          name:
          let
            here = path ++ [ name ];
            value = set.${name};
          in
          if isAttrs value && descend here value then at here value else [ (f here value) ]
        ) (attrNames set);
    in
    at [ ];

  # zipAttrsWith over both sides: where only one has a name, or pred says stop, the right side's value wins.
  recursiveUpdateUntil =
    pred: lhs: rhs:
    let
      at =
        path:
        zipAttrsWith (
          name: values:
          let
            here = path ++ [ name ];
          in
          if length values == 1 || pred here (elemAt values 1) (head values) then
            head values
          else
            at here values
        );
    in
    at [ ] [
      rhs
      lhs
    ];

  matchAttrs =
    pattern: set:
    all (
      name:
      set ? ${name}
      && (
        if isAttrs pattern.${name} then
          isAttrs set.${name} && matchAttrs pattern.${name} set.${name}
        else
          pattern.${name} == set.${name}
      )
    ) (attrNames pattern);

  cartesianProduct =
    lists:
    foldl' (
      products: name: concatMap (product: map (x: product // { ${name} = x; }) lists.${name}) products
    ) [ { } ] (attrNames lists);

  showAttrPath =
    path:
    if path == [ ] then
      "<root attribute path>"
    else
      lib.concatMapStringsSep "." lib.strings.escapeNixIdentifier path;

  # An output somebody has chosen already stays chosen.
  getOutput =
    output: pkg:
    if pkg.outputSpecified or false then pkg else pkg.${output} or pkg.out or pkg;
  getFirstOutput =
    candidates: pkg:
    let
      present = filter (output: hasAttr output pkg) candidates;
    in
    if pkg.outputSpecified or false || present == [ ] then pkg else pkg.${head present};

  # Updates along paths: deeper ones first, those of one path in their order, values only forced if an update looks.
  updateManyAttrsByPath =
    updates: value:
    let
      go =
        depth: old: updates:
        let
          here = lib.partition (u: length u.path == depth) updates;
          below = lib.groupBy (u: elemAt u.path depth) here.wrong;
          pathOf = u: showAttrPath (head u).path;
          into = name: go (depth + 1) (if old ? value && old.value ? ${name} then { value = old.value.${name}; } else { });
          start =
            if here.wrong != [ ] && old ? value && !isAttrs old.value then
              throw "updateManyAttrsByPath: Path '${pathOf here.wrong}' needs to be updated, but path '${
                showAttrPath (lib.take depth (head here.wrong).path)
              }' of the given value is not an attribute set, so we can't update an attribute inside of it."
            else if here.wrong != [ ] then
              old.value or { } // mapAttrs into below
            else
              old.value
                or (throw "updateManyAttrsByPath: Path '${pathOf here.right}' does not exist in the given value, but the first update to this path tries to access the existing value.");
        in
        lib.foldl (acc: u: u.update acc) start here.right;
    in
    go 0 { inherit value; } updates;
in
{
  inherit (builtins)
    attrNames
    attrValues
    catAttrs
    getAttr
    hasAttr
    intersectAttrs
    isAttrs
    listToAttrs
    mapAttrs
    removeAttrs
    zipAttrsWith
    ;
  inherit
    attrByPath
    cartesianProduct
    collect
    filterAttrsRecursive
    genAttrs
    genAttrs'
    getFirstOutput
    getOutput
    mapAttrsRecursiveCond
    mapAttrsToList
    mapAttrsToListRecursiveCond
    matchAttrs
    nameValuePair
    recursiveUpdateUntil
    setAttrByPath
    showAttrPath
    updateManyAttrsByPath
    ;

  hasAttrByPath = path: set: reach path set == length path;
  longestValidPathPrefix = path: set: lib.take (reach path set) path;
  getAttrFromPath =
    path: attrByPath path (abort "cannot find attribute '${lib.concatStringsSep "." path}'");

  attrVals = names: set: map (name: set.${name}) names;
  getAttrs = names: set: genAttrs names (name: set.${name});
  attrsToList = mapAttrsToList nameValuePair;
  filterAttrs = pred: set: removeAttrs set (filter (name: !pred name set.${name}) (attrNames set));
  foldlAttrs =
    f: init: set:
    foldl' (acc: name: f acc name set.${name}) init (attrNames set);
  foldAttrs =
    op: nul: sets:
    mapAttrs (_: foldr op nul) (zipAttrsWith (_: values: values) sets);

  mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);
  concatMapAttrs = f: set: foldl' (a: b: a // b) { } (mapAttrsToList f set);
  mapAttrsRecursive = mapAttrsRecursiveCond (_: true);
  mapAttrsToListRecursive = mapAttrsToListRecursiveCond (_: _: true);
  mapCartesianProduct = f: lists: map f (cartesianProduct lists);

  optionalAttrs = cond: set: if cond then set else { };
  zipAttrs = zipAttrsWith (_: values: values);
  zipAttrsWithNames =
    names: f: sets:
    genAttrs names (name: f name (catAttrs name sets));
  mergeAttrsList = foldl' (a: b: a // b) { };
  recursiveUpdate = recursiveUpdateUntil (_path: lhs: rhs: !(isAttrs lhs && isAttrs rhs));
  overrideExisting = old: new: mapAttrs (name: value: new.${name} or value) old;
  unionOfDisjoint =
    x: y:
    let
      both = builtins.intersectAttrs x y;
      names = lib.concatStringsSep " " (attrNames both);
    in
    x // y // mapAttrs (name: _: throw "unionOfDisjoint: collision on ${name}; complete list: ${names}") both;

  isDerivation = value: value.type or null == "derivation";
  # A store path as if it had just been built.
  toDerivation =
    path:
    let
      outPath = builtins.storePath path;
      drv = {
        type = "derivation";
        name = lib.strings.sanitizeDerivationName (builtins.substring 33 (-1) (baseNameOf outPath));
        inherit outPath;
        outputs = [ "out" ];
        out = drv;
        outputName = "out";
      };
    in
    drv;

  getBin = getOutput "bin";
  getLib = getOutput "lib";
  getDev = getOutput "dev";
  getMan = getOutput "man";
  getStatic = getFirstOutput [
    "static"
    "lib"
    "out"
  ];
  getInclude = getFirstOutput [
    "include"
    "dev"
    "out"
  ];
  chooseDevOutputs = map (getOutput "dev");
  recurseIntoAttrs = set: set // { recurseForDerivations = true; };
  dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };
}
