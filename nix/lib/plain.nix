# Plain data: what TOML and JSON can hold. Not functions, not derivations, and not paths, which Nix would copy into its store when
# they are written as JSON.
{ lib }:
let
  is =
    value:
    {
      bool = true;
      int = true;
      float = true;
      string = !builtins.hasContext value;
      null = true;
      list = builtins.all is value;
      set =
        !(value ? outPath || value ? __toString || value ? __functor)
        && builtins.all is (builtins.attrValues value);
    }
    .${builtins.typeOf value} or false;
in
{
  inherit is;

  # What a value is, in the words of TOML where it has them.
  kindOf =
    value:
    {
      bool = "boolean";
      int = "integer";
      list = "array";
      set = if lib.isDerivation value then "derivation" else "table";
    }
    .${builtins.typeOf value} or (builtins.typeOf value);
}
