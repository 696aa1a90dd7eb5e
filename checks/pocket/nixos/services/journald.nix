# `services.journald`.
{ lib, config, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.services = {
    journald = {
      extraConfig = mkOption { type = types.lines; default = ""; example = "SystemMaxUse=100M"; description = "Lines of journald.conf."; };
      storage = mkOption { type = types.enum [ "persistent" "volatile" "auto" "none" ]; default = "persistent"; description = "Where the journal is kept."; };
    };
  };

  # A drop-in, so that the machine's own journald.conf stays; it counts from the next start of journald.
  config.environment.etc."systemd/journald.conf.d/pocket.conf" = lib.mkIf (config.services.journald.extraConfig != "" || config.services.journald.storage != "persistent") {
    text = "[Journal]\nStorage=${config.services.journald.storage}\n${config.services.journald.extraConfig}";
  };
}
