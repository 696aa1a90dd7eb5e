# What is brought to this host beside its system, and by whom.
{ lib, ... }:
let
  delivered =
    what:
    lib.mkOption {
      type = lib.types.attrsOf lib.types.raw;
      default = { };
      internal = true;
      description = "The ${what} that are brought to this host, by name, as its manifest has them. Set by mkInfra.";
    };
in
{
  _file = "modules/secrets/interface.nix of infra";
  _class = "nixos";

  options.infra = {
    delivered = {
      host = lib.mkOption {
        type = lib.types.str;
        default = "";
        internal = true;
        description = "The name of this host. Set by mkInfra.";
      };
      secrets = delivered "secrets";
      templates = delivered "templates";
    };

    agent.folder = lib.mkOption {
      type = lib.types.path;
      default = "/var/lib/infra";
      readOnly = true;
      description = ''
        Where the agent and the sealed secrets lie on the running host. It must be there when services start, and before accounts are
        made if a secret has `phase = "users"`.
      '';
    };
  };
}
