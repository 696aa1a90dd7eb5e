# attrTag: a set with exactly one attribute, whose name says what its value is.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    attrNames
    head
    intersectAttrs
    isAttrs
    length
    mapAttrs
    unsafeGetAttrPos
    ;
  inherit (lib) mkOptionType;
  inherit (lib.options) getFiles showFiles showOption;
  inherit (lib.strings) escapeNixIdentifier escapeNixString;
  inherit (lib.types) defaultFunctor;

  listed = pos: field: if pos == null then [ ] else [ (field pos) ];

  # Tags are options outside any module: where they stand in a file is all that is known of their origin.
  locate =
    tags: name: option:
    let
      pos = unsafeGetAttrPos name tags;
      at = if pos == null then "" else " at ${pos.file}:${toString pos.line}:${toString pos.column}";
      found =
        if !(option ? _type) then
          "was not."
        else if option._type == "option-type" then
          "was a bare type, not wrapped in mkOption."
        else
          "was of type ${escapeNixString option._type}.";
    in
    addErrorContext
      "while checking that attrTag tag ${escapeNixIdentifier name} is an option with a type${at}"
      (
        if option._type or null == "option" then
          option
          // {
            declarations = option.declarations or (listed pos (p: p.file));
            declarationPositions = option.declarationPositions or (listed pos (p: p));
          }
        else
          throw "In attrTag, each tag value must be an option, but tag ${escapeNixIdentifier name} ${found}"
      );

  mergeTag =
    name: a: b:
    let
      decl = options: {
        inherit options;
        _file = "<attrTag {...}>";
        pos = null;
      };
    in
    lib.mergeOptionDecls [ name ] [ (decl a) (decl b) ]
    // {
      declarations = a.declarations ++ b.declarations;
      declarationPositions = a.declarationPositions ++ b.declarationPositions;
    };

  attrTag =
    given:
    let
      tags = mapAttrs (locate given) given;
      choices = lib.concatMapStringsSep ", " escapeNixIdentifier (attrNames tags);
      tagOf = def: head (attrNames def.value);
    in
    mkOptionType {
      name = "attrTag";
      description = "attribute-tagged union with choices: ${choices}";
      descriptionClass = "noun";
      check = v: isAttrs v && length (attrNames v) == 1 && tags ? ${head (attrNames v)};
      merge =
        loc: defs:
        let
          tag = tagOf (head defs);
          inner =
            def:
            if tagOf def == tag then
              {
                inherit (def) file;
                value = def.value.${tag};
              }
            else
              throw "The option `${showOption loc}` is defined both as `${tag}` and `${tagOf def}`, in ${showFiles (getFiles defs)}.";
        in
        {
          ${tag} = (lib.modules.evalOptionValue (loc ++ [ tag ]) tags.${tag} (map inner defs)).value;
        };
      getSubOptions = prefix: mapAttrs (name: option: option // { loc = prefix ++ [ name ]; }) tags;
      nestedTypes = tags;
      functor = defaultFunctor "attrTag" // {
        type = payload: attrTag payload.tags;
        payload = { inherit tags; };
        binOp = a: b: {
          tags =
            a.tags // b.tags // mapAttrs (name: mergeTag name a.tags.${name}) (intersectAttrs a.tags b.tags);
        };
      };
    };
in
{
  inherit attrTag;
}
