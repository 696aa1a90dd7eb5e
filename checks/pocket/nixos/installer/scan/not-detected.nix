# Imported by every generated hardware-configuration.nix.
{ lib, ... }:
{
  hardware.enableRedistributableFirmware = lib.mkDefault true;
}
