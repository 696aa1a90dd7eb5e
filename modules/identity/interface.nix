# Who this host is, in the words of the repository. mkInfra fills it in from `hosts/<name>/host.toml`.
{ config, lib, ... }:
{
  _file = "modules/identity/interface.nix of infra";
  _class = "nixos";

  options.infra.host = {
    name = lib.mkOption {
      type = lib.types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      example = "web";
      description = "The name of the host: that of its folder below `hosts/`.";
    };

    class = lib.mkOption {
      type = lib.types.enum [
        "nixos"
        "microvm"
      ];
      default = "nixos";
      example = "microvm";
      description = "What kind of system the host runs, among the classes that are NixOS systems.";
    };
  };
}
