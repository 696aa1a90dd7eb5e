# Lets a running host say who it is: /etc/infra/host.json. For whoever holds a shell, a disk or an image and wonders whose it is,
# and for the CLI to notice that an address leads to another host than the repository believes.
#
# Only what never changes while the host exists: a tag or an address in here would rebuild the system for nothing.
{ config, ... }:
{
  imports = [ ./interface.nix ];

  _file = "modules/identity/default.nix of infra";
  _class = "nixos";

  config.environment.etc."infra/host.json".text = builtins.toJSON {
    schema = 1;
    host = config.infra.host.name;
    inherit (config.infra.host) class;
  };
}
