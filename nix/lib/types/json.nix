# An option type as data: TYPE of the manifest. What only Nix can judge becomes kind `nix`, never a guess.
#
# Types are told apart by their names, and by whether they still are what nixpkgs made: a check that was added to a type leaves no
# other trace than a `check` that is another one.
{ lib, plain }:
let
  inherit (builtins)
    all
    attrNames
    elemAt
    head
    intersectAttrs
    match
    ;

  nix = type: {
    kind = "nix";
    description = type.description or type.name;
  };

  kind = name: _: _: { kind = name; };

  # Functions cannot be compared in Nix, but the attribute sets that hold the very same ones are equal.
  judge = intersectAttrs { check = null; };
  unchanged = type: original: judge type == judge original;

  # The scalar types by name; those whose check is another than nixpkgs' are judged by Nix alone.
  scalars = {
    str = {
      original = lib.types.str;
      data.kind = "string";
    };
    nonEmptyStr = {
      original = lib.types.nonEmptyStr;
      data.kind = "nonEmptyString";
    };
    int = {
      original = lib.types.int;
      data.kind = "int";
    };
    bool = {
      original = lib.types.bool;
      data.kind = "bool";
    };
    float = {
      original = lib.types.float;
      data.kind = "float";
    };
    path = {
      original = lib.types.path;
      data.kind = "path";
    };
    anything = {
      original = lib.types.anything;
      data.kind = "anything";
    };
    raw = {
      original = lib.types.raw;
      data.kind = "anything";
    };
    unspecified = {
      original = lib.types.unspecified;
      data.kind = "anything";
    };
  };

  scalar =
    type:
    let
      known = scalars.${type.name};
    in
    if unchanged type known.original then known.data else nix type;

  between = min: max: {
    kind = "intBetween";
    inherit min max;
  };

  bounded =
    bits: signed:
    let
      # 2^bits, without a table.
      size = builtins.foldl' (total: _: total * 2) 1 (builtins.genList (i: i) bits);
    in
    if signed then between (0 - size / 2) (size / 2 - 1) else between 0 (size - 1);

  # `ints.between` keeps its bounds in its description and nowhere else.
  fromDescription =
    type:
    let
      bounds = match "integer between (-?[0-9]+) and (-?[0-9]+) [(]both inclusive[)]" type.description;
    in
    if bounds == null then
      nix type
    else
      between (builtins.fromJSON (head bounds)) (builtins.fromJSON (elemAt bounds 1));

  wrap = name: depth: type: {
    kind = name;
    of = walk (depth + 1) type.nestedTypes.elemType;
  };

  listOf =
    depth: type:
    # nonEmptyListOf is a listOf that has no empty value.
    if type.emptyValue ? value then wrap "listOf" depth type else nix type;

  enum =
    _: type:
    let
      inherit (type.functor.payload) values;
    in
    if all plain.is values then
      {
        kind = "enum";
        inherit values;
      }
    else
      nix type;

  # oneOf is either in either; a reader wants the list.
  either =
    depth: type:
    let
      sides = [
        (walk (depth + 1) type.nestedTypes.left)
        (walk (depth + 1) type.nestedTypes.right)
      ];
      flat = lib.concatMap (side: if side.kind == "either" then side.types else [ side ]) sides;
    in
    # The description of nixpkgs' recursive types, which otherwise have no end.
    if type.description == "JSON value" || type.description == "TOML value" then
      nix type
    else
      {
        kind = "either";
        types = flat;
      };

  nullOr =
    depth: type:
    if type.description == "JSON value" then { kind = "anything"; } else wrap "nullOr" depth type;

  # Whether nixpkgs gives an option of this type a value that nobody sets, as newer ones do: `[ ]` for lists, `null` for nullOr. Asked of
  # the very nixpkgs that will judge, so that the command judges alike.
  fillsItself =
    type:
    (builtins.tryEval (
      builtins.deepSeq (lib.modules.mergeDefinitions [ "value" ] type [ ]).mergedValue true
    )).success;

  field =
    depth: option:
    let
      default = builtins.tryEval (
        if option ? default && plain.is option.default then { inherit (option) default; } else { }
      );
    in
    {
      type = walk (depth + 1) option.type;
      required = !(option ? default || fillsItself option.type);
    }
    // lib.optionalAttrs default.success default.value;

  submodule =
    depth: type:
    let
      options = removeAttrs (type.getSubOptions [ ]) [ "_module" ];
      isFlat = all (name: lib.isOption options.${name}) (attrNames options);
      # An option with an `apply` gives another value than it was given, but it is judged the same.
      isFree = type.nestedTypes ? freeformType;
    in
    if isFlat && !isFree then
      {
        kind = "submodule";
        fields = builtins.mapAttrs (_: field depth) options;
      }
    else
      nix type;

  walkers = {
    intBetween = _: fromDescription;
    unsignedInt = _: _: between 0 null;
    positiveInt = _: _: between 1 null;
    unsignedInt8 = _: _: bounded 8 false;
    unsignedInt16 = _: _: bounded 16 false;
    unsignedInt32 = _: _: bounded 32 false;
    signedInt8 = _: _: bounded 8 true;
    signedInt16 = _: _: bounded 16 true;
    signedInt32 = _: _: bounded 32 true;
    separatedString = kind "string";
    attrs = _: _: {
      kind = "attrsOf";
      of.kind = "anything";
    };
    lazyAttrsOf = wrap "attrsOf";
    attrsOf = wrap "attrsOf";
    unique = depth: type: walk (depth + 1) type.nestedTypes.elemType;
    inherit
      listOf
      enum
      either
      nullOr
      submodule
      ;
  };

  matching = type: {
    kind = "matching";
    inherit (type.functor.payload) pattern;
  };

  walk =
    depth: type:
    if type ? infraType then
      if unchanged type type.functor.type then type.infraType else nix type
    # A type of a user's own that contains itself would be walked forever.
    else if depth > 16 then
      nix type
    else if scalars ? ${type.name} then
      scalar type
    else if walkers ? ${type.name} then
      walkers.${type.name} depth type
    else if lib.hasPrefix "strMatching " type.name then
      matching type
    else
      nix type;
in
walk 0
