# Options that small servers set and that have nothing to act on here. Each says why leaving it without effect is right;
# whatever would be wrong to ignore is not in this list and fails as an unknown option.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  inert = type: default: why: mkOption { inherit type default; description = "Without effect in pocket: ${why}"; };
  noDocs = inert types.bool true "packages come without documentation.";
in
{
  options = {
    documentation = {
      enable = noDocs;
      man.enable = noDocs;
      info.enable = noDocs;
      doc.enable = noDocs;
      dev.enable = noDocs;
      nixos.enable = noDocs;
    };
    hardware = {
      enableAllFirmware = inert types.bool false "the cloud kernel needs no firmware.";
      enableRedistributableFirmware = inert types.bool false "the cloud kernel needs no firmware.";
      cpu.intel.updateMicrocode = inert types.bool false "virtual machines get their microcode from their host.";
      cpu.amd.updateMicrocode = inert types.bool false "virtual machines get their microcode from their host.";
    };
    powerManagement.cpuFreqGovernor = inert (types.nullOr types.str) null "the host of a virtual machine governs its clock.";
    services.qemuGuest.enable = inert types.bool false "there is no guest agent in the package list.";
    system.switch.enable = inert types.bool true "a system that cannot be switched to is of no use to infra.";
    meta = inert types.attrs { } "it describes modules to their readers.";
  };
}
