# The module that is part of every evaluation: the options through which modules steer it.
{ lib }:
let
  inherit (lib) mkOption types;
  internalKey = "lib/modules.nix";
in
{
  inherit internalKey;

  internalModule =
    {
      prefix,
      specialArgs,
      extendModules,
      moduleType,
    }:
    {
      _file = internalKey;
      key = internalKey;

      options._module = {
        args = mkOption (
          {
            # Lazy, since whether an argument exists must not depend on the values of the others.
            type = types.lazyAttrsOf types.raw;
            description = ''
              Additional arguments for every module of this evaluation, beside `lib`, `config`, `options`,
              `specialArgs` and what `specialArgs` contains. They exist only once the modules are known, so
              `imports` cannot use them: give those in `specialArgs`.

              Submodules inherit none of them; each has a `name` argument, its attribute name.
            '';
          }
          # Documented once, at the root.
          // lib.optionalAttrs (prefix != [ ]) { internal = true; }
        );

        check = mkOption {
          type = types.bool;
          internal = true;
          default = true;
          description = "Whether a definition without an option is an error.";
        };

        freeformType = mkOption {
          type = types.nullOr types.optionType;
          internal = true;
          default = null;
          description = ''
            The type that merges all definitions without an option of their own. With `null` they are an
            error, unless {option}`_module.check` is off.
          '';
        };

        specialArgs = mkOption {
          readOnly = true;
          internal = true;
          description = "The arguments that this evaluation was given from outside and that modules cannot change.";
        };
      };

      config._module = {
        args = { inherit extendModules moduleType; };
        inherit specialArgs;
      };
    };
}
