# `environment.*` apart from etc: the packages everybody finds in PATH, and shell variables.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.environment;

  value = types.oneOf [ types.str types.int types.path types.package ];
  variables = types.attrsOf (types.nullOr (types.either (types.listOf value) value)) // { description = "attribute set of variables"; };
  lines = description: mkOption { type = types.lines; default = ""; inherit description; };

  exported = lib.filterAttrs (_: v: v != null) (cfg.sessionVariables // cfg.variables);
  export = name: v: "export ${name}=\"${lib.concatMapStringsSep ":" toString (lib.toList v)}\"\n";
  aliases = lib.concatStrings (lib.mapAttrsToList (name: v: "alias ${name}=${lib.escapeShellArg v}\n") (lib.filterAttrs (_: v: v != null) cfg.shellAliases));

  setEnvironment = ''
    # Sourced by login shells; made from environment.variables.
    export PATH="/run/current-system/sw/bin:$PATH"
    ${lib.concatStrings (lib.mapAttrsToList export exported)}${cfg.extraInit}
  '';
in
{
  options.environment = {
    systemPackages = mkOption { type = types.listOf types.package; default = [ ]; description = "Packages in everybody's PATH, as `/run/current-system/sw`."; };
    defaultPackages = mkOption { type = types.listOf types.package; default = [ ]; description = "Packages that are there unless removed."; };
    pathsToLink = mkOption { type = types.listOf types.str; default = [ ]; description = "Folders of packages that are merged into the system path."; };
    extraOutputsToInstall = mkOption { type = types.listOf types.str; default = [ ]; description = "Accepted for nixpkgs' sake: Debian's packages have one output."; };
    variables = mkOption { type = variables; default = { }; description = "Variables of login shells."; };
    sessionVariables = mkOption { type = variables; default = { }; description = "Variables of sessions; in pocket the same as `variables`."; };
    shellAliases = mkOption { type = types.attrsOf (types.nullOr types.str); default = { }; description = "Aliases of interactive shells."; };
    extraInit = lines "Shell commands of every login shell, after the variables.";
    loginShellInit = lines "Shell commands of login shells.";
    interactiveShellInit = lines "Shell commands of interactive shells.";
    shells = mkOption { type = types.listOf (types.either types.package types.path); default = [ ]; description = "Login shells beside bash."; };
    binsh = mkOption { type = types.path; default = "${pkgs.bash}/bin/sh"; defaultText = lib.literalExpression ''"''${pkgs.bash}/bin/sh"''; readOnly = true; description = "What `/bin/sh` is, on a machine that has none."; };
  };

  options.system.path = mkOption { type = types.package; internal = true; description = "The merged packages."; };

  options.programs.bash = {
    shellAliases = mkOption { type = types.attrsOf (types.nullOr types.str); default = { }; description = "Aliases."; };
    interactiveShellInit = lines "Shell commands of interactive shells.";
    loginShellInit = lines "Shell commands of login shells.";
  };

  config = {
    environment.shellAliases = config.programs.bash.shellAliases;
    environment.interactiveShellInit = config.programs.bash.interactiveShellInit;
    environment.loginShellInit = config.programs.bash.loginShellInit;

    environment.systemPackages = [ pkgs.bash pkgs.busybox config.systemd.package ] ++ cfg.defaultPackages;
    environment.pathsToLink = [ "/bin" "/etc/xdg" "/share/zoneinfo" ];

    system.path = pkgs.buildEnv {
      name = "system-path";
      # Later definitions first: what a host names wins over busybox' applets of the same name.
      paths = lib.unique (lib.filter (p: p != pkgs.busybox) cfg.systemPackages) ++ [ pkgs.busybox ];
      pathsToLink = lib.unique cfg.pathsToLink;
      ignoreCollisions = true;
    };

    environment.etc = {
      "set-environment".text = setEnvironment;
      # Where a Debian userland looks; where there is none, /etc/profile below does.
      "profile.d/pocket.sh".text = ''
        . /etc/set-environment
        ${cfg.loginShellInit}
        case $- in *i*) . /etc/bashrc.pocket ;; esac
      '';
      "bashrc.pocket".text = aliases + cfg.interactiveShellInit;
      profile = { yield = true; text = "for f in /etc/profile.d/*.sh; do . \"$f\"; done\n"; };
      bashrc = { yield = true; text = ". /etc/bashrc.pocket\n"; };
      shells = {
        yield = true;
        text = lib.concatMapStrings (shell: "${if lib.isDerivation shell then "/run/current-system/sw/bin/${shell.meta.mainProgram}" else shell}\n") (cfg.shells ++ [ pkgs.bash "/bin/sh" ]);
      };
    };
  };
}
