# Properties are the wrappers around a definition (mkIf, mkMerge, mkForce, mkBefore, ...).  This file makes them, moves
# them down an attribute tree without looking at conditions, and takes them off once an option needs its value.
{ lib }:
let
  inherit (builtins)
    concatMap
    filter
    foldl'
    head
    isAttrs
    isBool
    length
    mapAttrs
    sort
    ;
  inherit (lib) min;

  # The tag of a property, "" for ordinary values.  `or` also covers values that are not attribute sets.
  tagOf = value: value._type or "";

  defaultOverridePriority = 100;
  defaultOrderPriority = 1000;

  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };

  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };

  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };

  mkOrder = priority: content: {
    _type = "order";
    inherit priority content;
  };

  # { a = mkIf c { b = 1; }; } must become { a.b = mkIf c 1; } before any condition is looked at: that is what lets a
  # condition depend on other parts of the same configuration.
  pushDownProperties =
    def:
    let
      tag = tagOf def;
      # A wrapped non-set is passed on bare: the caller finds a value where it needs a set and says so in its own words.
      onEach =
        wrap: map (c: if isAttrs c then mapAttrs (_: wrap) c else c) (pushDownProperties def.content);
    in
    if tag == "merge" then
      concatMap pushDownProperties def.contents
    else if tag == "if" then
      onEach (mkIf def.condition)
    else if tag == "override" then
      onEach (mkOverride def.priority)
    else
      [ def ];

  # The list of values that remain when conditions are decided: here, and only here, conditions are forced.
  dischargeProperties =
    def:
    let
      tag = tagOf def;
    in
    if tag == "merge" then
      concatMap dischargeProperties def.contents
    else if tag != "if" then
      [ def ]
    else if !isBool def.condition then
      throw "‘mkIf’ called with a non-Boolean condition"
    else if def.condition then
      dischargeProperties def.content
    else
      [ ];

  # Only the definitions of the strongest (numerically lowest) priority survive.
  filterOverrides' =
    defs:
    let
      isOverride = def: tagOf def.value == "override";
      priorityOf = def: if isOverride def then def.value.priority else defaultOverridePriority;
      unwrap = def: if isOverride def then def // { value = def.value.content; } else def;
      highestPrio =
        if length defs == 1 then
          priorityOf (head defs)
        else
          foldl' (strongest: def: min (priorityOf def) strongest) 9999 defs;
      winners = if length defs == 1 then defs else filter (def: priorityOf def == highestPrio) defs;
    in
    {
      inherit highestPrio;
      values = map unwrap winners;
    };

  # A stable sort, so definitions of equal order keep the order of their modules.
  sortProperties =
    defs:
    let
      unwrap =
        def:
        if tagOf def.value == "order" then
          def
          // {
            inherit (def.value) priority;
            value = def.value.content;
          }
        else
          def;
      orderOf = def: def.priority or defaultOrderPriority;
    in
    sort (a: b: orderOf a < orderOf b) (map unwrap defs);

  # Apply f to the value inside whatever properties surround it.
  mapDefinitionValue =
    f: def:
    let
      tag = tagOf def;
      inner = mapDefinitionValue f;
    in
    if tag == "merge" then
      def // { contents = map inner def.contents; }
    else if tag == "if" || tag == "override" || tag == "order" then
      def // { content = inner def.content; }
    else if tag == "definition" then
      def // { value = inner def.value; }
    else
      f def;
in
{
  inherit
    defaultOrderPriority
    defaultOverridePriority
    dischargeProperties
    filterOverrides'
    mapDefinitionValue
    mkIf
    mkMerge
    mkOrder
    mkOverride
    pushDownProperties
    sortProperties
    ;

  filterOverrides = defs: (filterOverrides' defs).values;

  mkAssert =
    assertion: message:
    mkIf (if assertion then true else throw "\nFailed assertion: ${message}");

  # A definition that says itself where it comes from.
  mkDefinition = args@{ file, value, ... }: args // { _type = "definition"; };

  mkOptionDefault = mkOverride 1500; # the `default` of an option
  mkDefault = mkOverride 1000; # a module's proposal, for users to replace
  mkImageMediaOverride = mkOverride 60; # images are derived from a host's configuration and stronger than it
  mkForce = mkOverride 50; # a user's last word
  mkVMOverride = mkOverride 10; # what a test machine needs, whatever the user said

  mkBefore = mkOrder 500;
  mkAfter = mkOrder 1500;
}
