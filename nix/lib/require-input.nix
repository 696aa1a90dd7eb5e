# A flake input that something needs, or an error that says how to add it.
{ problem }:
{
  inputs,
  name, # of the input
  url, # to suggest
  for, # who needs it: "hosts of class `microvm`"
  where,
}:
inputs.${name} or (problem.raise [
  {
    code = "missing-input";
    title = "${for} need the flake input `${name}`";
    inherit where;
    fix = ''add to flake.nix: inputs.${name} = { url = "${url}"; inputs.nixpkgs.follows = "nixpkgs"; };'';
  }
])
