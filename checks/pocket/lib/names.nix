# Which functions of each topic are also directly in `lib`, as in nixpkgs: `lib.attrsets.mapAttrs'` is `lib.mapAttrs'`.
# A list and not "all of them", since some names exist in two topics (lists.hasPrefix, strings.hasPrefix, path.hasPrefix).
let
  words = text: builtins.filter (w: builtins.isString w && w != "") (builtins.split "[ \n]+" text);
in
builtins.mapAttrs (_: words) {
  trivial = ''
    add and bitAnd bitNot bitOr bitXor boolToString boolToYesNo ceil checkListOfEnum compare concat const deepSeq
    defaultTo div flip floor fromHexString functionArgs genericClosure id importJSON importTOML inNixShell inPureEvalMode
    info isBool isFloat isFunction isInOldestRelease isInt lessThan mapNullable max mergeAttrs min mirrorFunctionArgs mod
    mul nixpkgsVersion oldestSupportedReleaseIsAtLeast or pathExists pipe readFile seq setFunctionArgs showWarnings
    splitByAndCompare sub throwIf throwIfNot toBaseDigits toFunction toHexString version warn warnIf warnIfNot xor
  '';

  fixedPoints = ''
    composeExtensions composeManyExtensions converge extends fix fix' makeExtensible makeExtensibleWithCustomName
    toExtension
  '';

  attrsets = ''
    attrByPath attrNames attrVals attrValues attrsToList cartesianProduct catAttrs chooseDevOutputs collect
    concatMapAttrs dontRecurseIntoAttrs filterAttrs filterAttrsRecursive foldAttrs foldlAttrs genAttrs genAttrs' getAttr
    getAttrFromPath getAttrs getBin getDev getFirstOutput getInclude getLib getMan getOutput getStatic hasAttr
    hasAttrByPath intersectAttrs isAttrs isDerivation listToAttrs mapAttrs mapAttrs' mapAttrsRecursive
    mapAttrsRecursiveCond mapAttrsToList mapAttrsToListRecursive mapAttrsToListRecursiveCond mapCartesianProduct
    matchAttrs mergeAttrsList nameValuePair optionalAttrs overrideExisting recurseIntoAttrs recursiveUpdate
    recursiveUpdateUntil removeAttrs setAttrByPath showAttrPath toDerivation updateManyAttrsByPath zipAttrs zipAttrsWith
    zipAttrsWithNames
  '';

  lists = ''
    all allUnique any compareLists concatAttrValues concatLists concatMap count crossLists drop dropEnd elem elemAt
    filter findFirst findSingle flatten foldl foldl' foldr forEach genList groupBy groupBy' head ifilter0 imap0 imap1
    init intersectLists isList last length listDfs map mutuallyExclusive naturalSort optional optionals partition range
    remove replaceElemAt replicate reverseList singleton sort sortOn sublist subtractLists tail take takeEnd toList
    toposort unique uniqueStrings zipLists zipListsWith
  '';

  strings = ''
    addContextFrom appendContext concatImapStrings concatImapStringsSep concatLines concatMapAttrsStringSep
    concatMapStrings concatMapStringsSep concatStrings concatStringsSep enableFeature enableFeatureAs escape escapeRegex
    escapeShellArg escapeShellArgs escapeURL escapeXML fileContents fixedWidthNumber fixedWidthString getName getVersion
    hasInfix hasPrefix hasSuffix intersperse isStorePath isString isStringLike isValidPosixName join lowerChars
    makeBinPath makeIncludePath makeLibraryPath makeSearchPath makeSearchPathOutput match nameFromURL optionalString
    removePrefix removeSuffix replaceString replaceStrings split splitString splitStringBy stringAsChars stringLength
    stringToCharacters substring toCamelCase toInt toIntBase10 toLower toSentenceCase toShellVar toShellVars toUpper trim
    trimWith typeOf unsafeDiscardStringContext upperChars versionAtLeast versionOlder withFeature withFeatureAs
  '';

  stringsWithDeps = "fullDepEntry noDepEntry packEntry stringAfter textClosureList textClosureMap";

  versions = "compareVersions splitVersion";

  customisation = "callPackageWith callPackagesWith extendDerivation makeOverridable makeScope overrideDerivation";

  derivations = "addDrvOutputDependencies lazyDerivation optionalDrvAttr unsafeDiscardOutputDependency";

  meta = "addMetaAttrs dontDistribute getExe getExe' hiPrio lowPrio setName setPrio updateName";

  asserts = "assertMsg assertOneOf";

  debug = ''
    addErrorContext runTests testAllTrue trace traceIf traceSeq traceSeqN traceVal traceValFn traceValSeq traceValSeqFn
    traceValSeqN traceValSeqNFn unsafeGetAttrPos
  '';

  filesystem = ''
    baseNameOf dirOf hashFile isPath packagesFromDirectoryRecursive pathIsDirectory pathIsRegularFile pathType readDir
    readFileType
  '';

  sources = ''
    canCleanSource cleanSource cleanSourceFilter cleanSourceWith filterSource pathHasContext sourceByRegex
    sourceFilesBySuffices
  '';

  generators = "mkLuaInline";

  options = ''
    getFiles getValues isOption literalExpression literalMD mergeDefaultOption mergeEqualOption mergeOneOption
    mergeUniqueOption mkEnableOption mkOption mkPackageOption mkSinkUndeclaredOptions optionAttrSetToDocList
    optionAttrSetToDocList' scrubOptionValue showFiles showOption showOptionWithDefLocs unknownModule
  '';

  types = "defaultFunctor defaultTypeMerge isOptionType isType mkOptionType setType";

  modules = ''
    applyModuleArgsIfFunction dischargeProperties doRename evalModules evalOptionValue filterOverrides fixupOptionType
    mergeDefinitions mergeModules mergeModules' mergeOptionDecls mkAfter mkAliasAndWrapDefinitions mkAliasDefinitions
    mkAliasOptionModule mkAssert mkBefore mkChangedOptionModule mkDefault mkDefinition mkDerivedConfig mkForce mkIf
    mkImageMediaOverride mkMerge mkMergedOptionModule mkOptionDefault mkOrder mkOverride mkRemovedOptionModule
    mkRenamedOptionModule mkRenamedOptionModuleWith mkVMOverride pushDownProperties setDefaultModuleLocation
    sortProperties unifyModuleSyntax
  '';
}
