# Sets that refer to themselves, and extensions of such sets.
{ lib }:
let
  inherit (lib) foldr isFunction;

  fix =
    f:
    let
      x = f x;
    in
    x;

  fix' =
    f:
    let
      x = f x // {
        __unfix__ = f;
      };
    in
    x;

  converge =
    f: x:
    let
      next = f x;
    in
    if next == x then x else converge f next;

  extends =
    overlay: f: final:
    let
      prev = f final;
    in
    prev // overlay final prev;

  composeExtensions =
    f: g: final: prev:
    let
      first = f final prev;
    in
    first // g final (prev // first);

  makeExtensibleWithCustomName =
    name: f:
    fix' (self: f self // { ${name} = overlay: makeExtensibleWithCustomName name (extends overlay f); });
in
{
  inherit
    composeExtensions
    converge
    extends
    fix
    fix'
    makeExtensibleWithCustomName
    ;
  composeManyExtensions = foldr composeExtensions (_final: _prev: { });
  makeExtensible = makeExtensibleWithCustomName "extend";

  # A set, prev: set, and final: prev: set all as the last of them.
  toExtension =
    f:
    if !isFunction f then
      _final: _prev: f
    else
      final: prev:
      let
        once = f prev;
      in
      if isFunction once then f final prev else once;
}
