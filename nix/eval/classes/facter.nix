# hosts/<h>/facter.json: the hardware report of nixos-facter. nixpkgs reads it where it has `hardware.facter`; before that,
# the module of the nixos-facter project did, under another name.
host: report:
{ lib, options, ... }:
let
  file = "hosts/${host.name}/facter.json";
in
{
  _file = file;
  _class = "nixos";
  config =
    if options.hardware or { } ? facter then
      { hardware.facter.reportPath = report; }
    else if options ? facter then
      { facter.reportPath = report; }
    else
      {
        assertions = [
          {
            assertion = false;
            message = "${file} is there, but nothing reads it: this nixpkgs has no `hardware.facter`. Update the input `nixpkgs`, or import nixos-facter's module, or use hardware-configuration.nix instead.";
          }
        ];
      };
}
