# `programs.ssh`: what this machine's ssh knows of others.
{ lib, config, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.programs.ssh;

  known = { name, config, ... }: {
    options = {
      hostNames = mkOption { type = types.listOf types.str; default = [ name ] ++ config.extraHostNames; defaultText = lib.literalMD "the attribute name"; description = "Names of the host."; };
      extraHostNames = mkOption { type = types.listOf types.str; default = [ ]; description = "More names."; };
      publicKey = mkOption { type = types.nullOr types.singleLineStr; default = null; description = "Its key."; };
      publicKeyFile = mkOption { type = types.nullOr types.path; default = null; description = "A file with its key."; };
      certAuthority = mkOption { type = types.bool; default = false; description = "Whether the key signs other hosts' keys."; };
    };
  };
  line = h: "${lib.optionalString h.certAuthority "@cert-authority "}${lib.concatStringsSep "," h.hostNames} ${if h.publicKey != null then h.publicKey else lib.fileContents h.publicKeyFile}\n";
  hosts = lib.attrValues cfg.knownHosts;
in
{
  options.programs.ssh = {
    knownHosts = mkOption { type = types.attrsOf (types.submodule known); default = { }; description = "Keys of other hosts."; };
    extraConfig = mkOption { type = types.lines; default = ""; description = "Lines of ssh_config."; };
  };

  config = {
    assertions = map (h: {
      assertion = (h.publicKey == null) != (h.publicKeyFile == null);
      message = "programs.ssh.knownHosts.${lib.head h.hostNames} must have exactly one of `publicKey` and `publicKeyFile`.";
    }) hosts;
    environment.etc = {
      "ssh/ssh_known_hosts" = lib.mkIf (hosts != [ ]) { text = lib.concatMapStrings line hosts; };
      # Debian's own ssh_config reads this folder.
      "ssh/ssh_config.d/50-pocket.conf" = lib.mkIf (cfg.extraConfig != "") { text = cfg.extraConfig; };
      "ssh/ssh_config" = { yield = true; text = "Include /etc/ssh/ssh_config.d/*.conf\n"; };
    };
  };
}
