# Options of one account.
{ lib, shellOption, defaultShell }:
{ name, config, ... }:
let
  inherit (lib) mkDefault mkIf mkMerge mkOption types;
  secret = description: mkOption { type = types.nullOr types.str; default = null; inherit description; };
  field = types.addCheck types.str (s: builtins.match "[^:\n\t]*" s != null) // { description = "string without colons, tabs or line breaks"; };
in
{
  options = {
    enable = mkOption { type = types.bool; default = true; description = "Whether the account exists."; };
    name = mkOption { type = types.str; default = name; defaultText = lib.literalMD "the attribute name"; description = "The login name."; };
    description = mkOption { type = field; default = ""; description = "The full name."; };
    uid = mkOption { type = types.nullOr types.int; default = null; description = "The user id; chosen on the machine when null, and kept."; };
    isSystemUser = mkOption { type = types.bool; default = false; description = "An account for a service."; };
    isNormalUser = mkOption { type = types.bool; default = false; description = "An account for a person."; };
    group = mkOption { type = types.str; default = ""; description = "The primary group."; };
    extraGroups = mkOption { type = types.listOf types.str; default = [ ]; description = "Further groups."; };
    home = mkOption { type = field; default = "/var/empty"; description = "The home directory."; };
    homeMode = mkOption { type = types.strMatching "[0-7]{1,5}"; default = "700"; description = "Mode of the home directory when it is made."; };
    createHome = mkOption { type = types.bool; default = false; description = "Whether to make the home directory."; };
    cryptHomeLuks = mkOption { type = types.nullOr types.str; default = null; visible = false; description = "Not supported by pocket."; };
    shell = mkOption { type = shellOption; default = "/run/current-system/sw/bin/nologin"; defaultText = lib.literalMD "no login"; description = "The login shell: a package or a path."; };
    ignoreShellProgramCheck = mkOption { type = types.bool; default = false; description = "nixpkgs checks `programs.<shell>.enable`; pocket has nothing to check."; };
    useDefaultShell = mkOption { type = types.bool; default = false; description = "Whether the shell is `users.defaultUserShell`."; };
    password = secret "The password in clear text. World-readable in the Nix store.";
    hashedPassword = secret "The hashed password, as `mkpasswd` prints it.";
    hashedPasswordFile = secret "A file on the machine with the hashed password.";
    initialPassword = secret "The password in clear text, set only when the account is made.";
    initialHashedPassword = secret "The hashed password, set only when the account is made.";
    openssh.authorizedKeys = {
      keys = mkOption { type = types.listOf types.singleLineStr; default = [ ]; description = "Public SSH keys that may log in."; };
      keyFiles = mkOption { type = types.listOf types.path; default = [ ]; description = "Files of public SSH keys that may log in."; };
    };
    packages = mkOption { type = types.listOf types.package; default = [ ]; description = "Packages for this account. In pocket everybody gets them."; };
    linger = mkOption { type = types.nullOr types.bool; default = null; description = "Accepted for nixpkgs' sake: pocket starts no user managers."; };
    subUidRanges = mkOption { type = types.listOf types.attrs; default = [ ]; description = "Not supported by pocket."; };
    subGidRanges = mkOption { type = types.listOf types.attrs; default = [ ]; description = "Not supported by pocket."; };
    yield = mkOption { type = types.bool; default = false; internal = true; description = "Pocket's own: an account every machine has. If it exists, only a declared password is applied."; };
  };

  config = mkMerge [
    (mkIf config.isNormalUser {
      group = mkDefault "users";
      createHome = mkDefault true;
      home = mkDefault "/home/${config.name}";
      useDefaultShell = mkDefault true;
    })
    (mkIf config.useDefaultShell { shell = mkDefault defaultShell; })
  ];
}
