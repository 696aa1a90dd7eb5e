# `security.sudo`: rules for a machine whose userland has sudo. (Store paths cannot be setuid, so pocket brings none.)
{ lib, config, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.security.sudo;

  command = types.either types.str (types.submodule {
    options = {
      command = mkOption { type = types.str; description = "The command, or ALL."; };
      options = mkOption { type = types.listOf (types.enum [ "NOPASSWD" "PASSWD" "NOEXEC" "EXEC" "SETENV" "NOSETENV" "LOG_INPUT" "NOLOG_INPUT" "LOG_OUTPUT" "NOLOG_OUTPUT" ]); default = [ ]; description = "Tags of the command."; };
    };
  });
  id = prefix: v: if builtins.isInt v then "${prefix}#${toString v}" else "${prefix}${v}";
  showCommand = c: if builtins.isString c then c else "${lib.concatMapStrings (o: "${o}:") c.options}${c.command}";
  showRule = rule: lib.concatMapStrings (who: "${who} ${rule.host}=(${rule.runAs}) ${lib.concatMapStringsSep ", " showCommand rule.commands}\n")
    (map (id "") rule.users ++ map (id "%") rule.groups);

  rules = lib.optional (!cfg.wheelNeedsPassword) { groups = [ "wheel" ]; users = [ ]; host = "ALL"; runAs = "ALL:ALL"; commands = [ { command = "ALL"; options = [ "NOPASSWD" "SETENV" ]; } ]; }
    ++ cfg.extraRules;
in
{
  options.security.sudo = {
    enable = mkOption { type = types.bool; default = true; description = "Whether rules for sudo are written."; };
    wheelNeedsPassword = mkOption { type = types.bool; default = true; description = "Whether the `wheel` group must give a password."; };
    extraRules = mkOption {
      type = types.listOf (types.submodule {
        options = {
          users = mkOption { type = types.listOf (types.either types.str types.int); default = [ ]; description = "Accounts."; };
          groups = mkOption { type = types.listOf (types.either types.str types.int); default = [ ]; description = "Groups."; };
          host = mkOption { type = types.str; default = "ALL"; description = "On which machine."; };
          runAs = mkOption { type = types.str; default = "ALL:ALL"; description = "As whom."; };
          commands = mkOption { type = types.listOf command; description = "What."; };
        };
      });
      default = [ ];
      description = "Rules.";
    };
    extraConfig = mkOption { type = types.lines; default = ""; description = "More lines."; };
  };

  config.environment.etc."sudoers.d/50-pocket" = lib.mkIf (cfg.enable && (rules != [ ] || cfg.extraConfig != "")) {
    mode = "0440";
    text = lib.concatMapStrings showRule rules + cfg.extraConfig;
  };
}
