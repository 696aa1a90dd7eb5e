# `services.journald`, `services.timesyncd`, `services.resolved`: services systemd itself brings.
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
    timesyncd.enable = mkOption { type = types.bool; default = false; apply = v: if v then throw "services.timesyncd.enable: pocket has no systemd-timesyncd, which is a package of its own in Debian" else v; description = "Not supported by pocket."; };
    resolved.enable = mkOption { type = types.bool; default = false; apply = v: if v then throw "pocket has no systemd-resolved: Debian has it in a package of its own (services.resolved.enable)" else v; description = "Not supported by pocket."; };
  };

  # A drop-in, so that the machine's own journald.conf stays; it counts from the next start of journald.
  config.environment.etc."systemd/journald.conf.d/pocket.conf" = lib.mkIf (config.services.journald.extraConfig != "" || config.services.journald.storage != "persistent") {
    text = "[Journal]\nStorage=${config.services.journald.storage}\n${config.services.journald.extraConfig}";
  };
}
