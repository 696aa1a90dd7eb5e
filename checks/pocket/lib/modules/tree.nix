# All modules' option declarations and definitions, zipped into one tree, attribute by attribute.
{ lib }:
let
  inherit (builtins)
    all
    attrNames
    concatLists
    concatMap
    concatStringsSep
    filter
    isAttrs
    mapAttrs
    typeOf
    unsafeGetAttrPos
    zipAttrsWith
    ;
  inherit (lib) isOption mapAttrsToList zipAttrs;
  inherit (lib.modules)
    declarationTypeError
    evalOptionValue
    fixupOptionType
    mergeOptionDecls
    nestedOptionsError
    pushDownProperties
    ;

  showPath = concatStringsSep ".";

  # name -> the modules' declarations (options or trees of options) under that name
  declarationsByName =
    prefix: modules:
    zipAttrs (
      map (
        module:
        if !isAttrs module.options then
          throw ''
            An option declaration for `${showPath prefix}' has type
            `${typeOf module.options}' rather than an attribute set.
            Did you mean to define this outside of `options'?
          ''
        else
          mapAttrs (name: options: {
            inherit (module) _file;
            inherit options;
            pos = unsafeGetAttrPos name module.options;
          }) module.options
      ) modules
    );

  requireSet =
    prefix: def:
    if isAttrs def.config then
      def
    else
      throw ''
        In module `${def.file}', you're trying to define a value of type `${typeOf def.config}'
        rather than an attribute set for the option
        `${showPath prefix}'!

        The definitions below `${showPath prefix}' belong to options of their own: give an attribute
        set whose attributes are these options.
      '';

  # A tree of options next to a submodule option of the same name is one more module of that submodule.
  treeAsSubmodule =
    decl:
    if isOption decl.options then
      decl
    else
      decl
      // {
        options = lib.mkOption {
          type = lib.types.submoduleWith {
            modules = [ { inherit (decl) options; } ];
            # null: whatever the real declarations say
            shorthandOnlyDefinesConfig = null;
          };
        };
      };

  mergeModules' =
    prefix: modules: configs:
    let
      defs = if all (def: requireSet prefix def != null) configs then configs else [ ];

      # name -> definitions as they stand, for an option to take apart
      definitionsByName = zipAttrs (
        map (
          def:
          mapAttrs (_: value: {
            inherit (def) file;
            inherit value;
          }) def.config
        ) defs
      );

      # name -> definitions with properties pushed one level down, for the tree to descend into
      pushedByName = zipAttrsWith (_: concatLists) (
        map (
          def:
          mapAttrs (
            _: value:
            map (config: {
              inherit (def) file;
              inherit config;
            }) (pushDownProperties value)
          ) def.config
        ) defs
      );

      asOption = loc: decls: {
        matchedOptions = evalOptionValue loc (fixupOptionType loc (mergeOptionDecls loc decls)) (
          definitionsByName.${lib.last loc} or [ ]
        );
        unmatchedDefns = [ ];
      };

      resolve =
        name: decls:
        let
          loc = prefix ++ [ name ];
          isOptionDecl =
            decl:
            decl.options ? _type
            && (decl.options._type == "option" || declarationTypeError loc decl.options._type decl._file);
          optionDecls = filter isOptionDecl decls;
        in
        if optionDecls == [ ] then
          mergeModules' loc decls (pushedByName.${name} or [ ])
        else if builtins.length optionDecls == builtins.length decls then
          asOption loc decls
        else if all (decl: decl.options.type.name or null == "submodule") optionDecls then
          asOption loc (map treeAsSubmodule decls)
        else
          nestedOptionsError loc optionDecls (filter (decl: !isOption decl.options) decls);

      resolved = mapAttrs resolve (declarationsByName prefix modules);
      matchedOptions = mapAttrs (_: r: r.matchedOptions) resolved;

      unmatchedByName =
        mapAttrs (_: r: r.unmatchedDefns) resolved
        // removeAttrs definitionsByName (attrNames matchedOptions);
    in
    {
      inherit matchedOptions;
      # { file, prefix, value }, prefix being the path from here.  Without definitions nothing can be unmatched, and no
      # declaration below needs to be looked at.
      unmatchedDefns =
        if configs == [ ] then
          [ ]
        else
          concatLists (
            mapAttrsToList (name: map (def: def // { prefix = [ name ] ++ (def.prefix or [ ]); })) unmatchedByName
          );
    };

  mergeModules =
    prefix: modules:
    mergeModules' prefix modules (
      concatMap (
        module:
        map (config: {
          file = module._file;
          inherit config;
        }) (pushDownProperties module.config)
      ) modules
    );
in
{
  inherit mergeModules mergeModules';
}
