# nixpkgs' profile of this name, imported by many configurations as modulesPath + "/profiles/minimal.nix".
{ lib, ... }:
{
  documentation = lib.genAttrs [ "enable" "doc" "info" "man" "nixos" ] (name: if name == "enable" then lib.mkDefault false else { enable = lib.mkDefault false; });
}
