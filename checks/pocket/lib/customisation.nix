# Functions and packages whose arguments can be changed after the fact.
{ lib }:
let
  inherit (builtins)
    attrNames
    filter
    head
    intersectAttrs
    isAttrs
    mapAttrs
    unsafeGetAttrPos
    ;
  inherit (lib)
    functionArgs
    isFunction
    mirrorFunctionArgs
    optionalAttrs
    setFunctionArgs
    ;
  inherit (lib.strings) levenshtein levenshteinAtMost;

  # The other outputs of a derivation, each with the same additions; `condition` must hold before anything is built.
  extendDerivation =
    condition: passthru: drv:
    let
      outputs = map (name: {
        inherit name;
        value = common // {
          inherit (drv.${name}) type outputName;
          outputSpecified = true;
          drvPath =
            assert condition;
            drv.${name}.drvPath;
          outPath =
            assert condition;
            drv.${name}.outPath;
        };
      }) (drv.outputs or [ "out" ]);
      common =
        drv // builtins.listToAttrs outputs // { all = map (o: o.value) outputs; } // passthru;
    in
    common
    // {
      drvPath =
        assert condition;
        drv.drvPath;
      outPath =
        assert condition;
        drv.outPath;
    };

  overrideDerivation =
    drv: f:
    extendDerivation (builtins.seq drv.drvPath true) (
      {
        meta = drv.meta or { };
        passthru = drv.passthru or { };
      }
      // drv.passthru or { }
    ) (derivation (drv.drvAttrs // f drv));

  makeOverridable =
    f:
    let
      mirror = mirrorFunctionArgs f;
      call =
        args:
        let
          result = f args;
          override = mirror (new: makeOverridable f (args // (if isFunction new then new args else new)));
          # the same call, its result changed
          changed = change: makeOverridable (mirror (args: change (f args))) args;
        in
        if isAttrs result then
          result
          // {
            inherit override;
            overrideDerivation = fdrv: changed (drv: overrideDerivation drv fdrv);
          }
          // optionalAttrs (result ? overrideAttrs) {
            overrideAttrs = fdrv: changed (drv: drv.overrideAttrs fdrv);
          }
        else if isFunction result then
          setFunctionArgs result (functionArgs result) // { inherit override; }
        else
          result;
    in
    if isAttrs f then
      # a callable set keeps what else it has
      f
      // mirror call
      // optionalAttrs (f ? override) { override = new: makeOverridable (f.override new); }
    else
      mirror call;

  missingArgument =
    available: fargs: missing:
    let
      pos = unsafeGetAttrPos missing fargs;
      place = if pos == null then "<unknown location>" else "${pos.file}:${toString pos.line}";
      near = lib.take 3 (
        lib.sortOn (levenshtein missing) (filter (levenshteinAtMost 2 missing) (attrNames available))
      );
      quoted = map (name: "\"${name}\"") near;
      hint =
        if quoted == [ ] then
          ""
        else if lib.length quoted == 1 then
          ", did you mean ${head quoted}?"
        else
          ", did you mean ${lib.concatStringsSep ", " (lib.init quoted)} or ${lib.last quoted}?";
    in
    # abort, so that no tryEval mistakes a wrong call for a package that is not available
    abort "lib.customisation.callPackageWith: Function called without required argument \"${missing}\" at ${place}${hint}";

  callPackageWith =
    auto: fn: args:
    let
      f = if isFunction fn then fn else import fn;
      fargs = functionArgs f;
      passed = intersectAttrs fargs auto // args;
      missing = filter (name: !fargs.${name}) (attrNames (removeAttrs fargs (attrNames passed)));
    in
    if missing == [ ] then makeOverridable f passed else missingArgument (auto // args) fargs (head missing);

  callPackagesWith =
    auto: fn: args:
    let
      f = if isFunction fn then fn else import fn;
      passed = intersectAttrs (functionArgs f) auto // args;
      pkgs = f passed;
      one = name: _: makeOverridable (mirrorFunctionArgs f (args: (f args).${name})) passed;
    in
    if lib.isDerivation pkgs then
      throw "function `callPackages` was called on a *single* derivation \"${pkgs.name or "<unknown-name>"}\"; did you mean to use `callPackage` instead?"
    else
      mapAttrs one pkgs;

  makeScope =
    newScope: f:
    let
      self = f self // {
        newScope = scope: newScope (self // scope);
        callPackage = self.newScope { };
        overrideScope = g: makeScope newScope (lib.extends g f);
        packages = f;
      };
    in
    self;
in
{
  inherit
    callPackageWith
    callPackagesWith
    extendDerivation
    makeOverridable
    makeScope
    overrideDerivation
    ;
}
