# What a flake.nix declares as its inputs, as data that can be compared with its lock file. Fetches nothing.
flake:
let
  inherit (builtins)
    attrNames
    elem
    functionArgs
    isFunction
    mapAttrs
    removeAttrs
    substring
    ;
  given = flake.inputs or { };
  outputs = flake.outputs or null;
  arguments = if isFunction outputs then functionArgs outputs else { };
  # An argument of `outputs` that is not declared is looked up by its name, as if it were.
  implied = mapAttrs (_: _: { }) (removeAttrs arguments ([ "self" ] ++ attrNames given));

  # A folder of the flake itself: Nix locks it as it is written.
  isRelative = url: elem (substring 0 1 url) [ "." ] || substring 0 6 url == "path:.";
  relative = url: {
    type = "path";
    path = if substring 0 5 url == "path:" then substring 5 (-1) url else url;
  };
  reference =
    name: input:
    let
      attributes = removeAttrs input [
        "flake"
        "follows"
        "inputs"
      ];
    in
    if input ? follows then
      null
    else if attributes == { } then
      {
        type = "indirect";
        id = name;
      }
    # With a type, a url is one of the attributes.
    else if input ? type || !(input ? url) then
      attributes
    else if isRelative input.url then
      relative input.url
    else if builtins ? parseFlakeRef then
      builtins.parseFlakeRef input.url
    else
      null;
in
mapAttrs (name: input: {
  ref = reference name input;
  follows = input.follows or null;
  overrides = mapAttrs (_: inner: inner.follows or null) (input.inputs or { });
}) (given // implied)
