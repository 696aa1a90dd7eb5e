# nixpkgs' profile of this name, imported by many configurations as modulesPath + "/profiles/headless.nix".
{ lib, ... }:
{
  # A machine nobody sits at restarts rather than waits.
  boot.kernelParams = lib.mkDefault [ "panic=1" "boot.panic_on_fail" ];
}
