# `users.*`: accounts and groups, and the snippet that makes /etc/passwd, group and shadow contain them (update.sh).
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkDefault mkOption types;
  cfg = config.users;

  orDash = value: if value == null || value == "" then "-" else toString value;
  bit = value: if value then "1" else "0";
  row = fields: lib.concatStringsSep "\t" (map orDash fields) + "\n";

  toShellPath = shell: if lib.isDerivation shell then "/run/current-system/sw${shell.shellPath or "/bin/${shell.meta.mainProgram}"}" else shell;

  # A package may be a shell by what nixpkgs says of it or, in pocket, by its main program.
  shellOption = types.nullOr (types.either types.package types.path);

  userRow = u: row [
    "user" u.name u.uid u.group (if u.isNormalUser then "normal" else "system") u.home (bit u.createHome) u.homeMode
    (toShellPath u.shell) u.description u.hashedPassword u.hashedPasswordFile u.initialHashedPassword u.password u.initialPassword
    (bit u.yield)
  ];
  groupRow = g: row [ "group" g.name g.gid (lib.concatStringsSep "," (lib.unique (lib.sort lib.lessThan (g.members ++ extraMembers g.name)))) (bit g.yield) ];

  extraMembers = group: map (u: u.name) (lib.filter (u: u.enable && lib.elem group u.extraGroups) (lib.attrValues cfg.users));
  enabled = lib.filter (u: u.enable) (lib.attrValues cfg.users);

  spec = pkgs.writeText "users-groups.tsv" (
    lib.concatMapStrings groupRow (lib.attrValues cfg.groups) + lib.concatMapStrings userRow enabled
  );

  passwordOf = u: lib.filter (v: v != null) [ u.hashedPassword u.hashedPasswordFile u.password u.initialPassword u.initialHashedPassword ];
in
{
  options.users = {
    users = mkOption {
      type = types.attrsOf (types.submodule (import ./user-options.nix { inherit lib shellOption; defaultShell = cfg.defaultUserShell; }));
      default = { };
      description = "The accounts of the machine. Accounts that are not named here are left as they are.";
    };
    groups = mkOption {
      type = types.attrsOf (types.submodule (import ./group-options.nix { inherit lib; }));
      default = { };
      description = "The groups of the machine. Groups that are not named here are left as they are.";
    };
    mutableUsers = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether passwords may be changed on the machine. When false, each declared account has the declared password again after every
        activation. Unlike nixpkgs, pocket never removes an account it did not make: the machine may have a userland of its own.
      '';
    };
    defaultUserShell = mkOption {
      type = types.either types.path types.package;
      default = pkgs.bash;
      defaultText = lib.literalExpression "pkgs.bashInteractive";
      description = "The shell of accounts with `useDefaultShell`.";
    };
    allowNoPasswordLogin = mkOption {
      type = types.bool;
      default = false;
      description = "Accept a system into which nobody can log in.";
    };
  };

  config = {
    users = import ./base.nix { inherit mkDefault; };

    assertions = lib.concatMap (u: [
      {
        assertion = u.isSystemUser != u.isNormalUser;
        message = "Exactly one of users.users.${u.name}.isSystemUser and users.users.${u.name}.isNormalUser must be set.";
      }
      {
        assertion = u.group != "";
        message = "users.users.${u.name}.group is unset. This used to default to nogroup, but this is unsafe. For example you can create a group for this user with:\nusers.users.${u.name}.group = \"${u.name}\";\nusers.groups.${u.name} = {};";
      }
      {
        assertion = u.group == "" || cfg.groups ? ${u.group};
        message = "users.users.${u.name}.group is '${u.group}', and there is no users.groups.${u.group}.";
      }
      {
        assertion = builtins.length (passwordOf u) <= 1 || (u.hashedPasswordFile != null && builtins.length (passwordOf u) == 1) || cfg.mutableUsers;
        message = "users.users.${u.name} has more than one kind of password.";
      }
      {
        assertion = u.subUidRanges == [ ] && u.subGidRanges == [ ] && u.cryptHomeLuks == null;
        message = "users.users.${u.name}: pocket neither writes /etc/subuid and /etc/subgid (subUidRanges, subGidRanges) nor mounts encrypted homes (cryptHomeLuks).";
      }
      {
        assertion = u.hashedPassword == null || builtins.match "[^:\t\n]*" u.hashedPassword != null;
        message = "users.users.${u.name}.hashedPassword contains a character that passwd files cannot hold.";
      }
    ]) enabled
    ++ lib.mapAttrsToList (name: _: {
      assertion = builtins.match "[a-zA-Z0-9_.][a-zA-Z0-9_.-]*[$]?" name != null && builtins.stringLength name < 32;
      message = "'${name}' cannot be the name of an account or group: at most 31 letters, digits, '_', '.' and '-'.";
    }) (cfg.users // cfg.groups)
    ++ [
      {
        assertion = !cfg.mutableUsers -> cfg.allowNoPasswordLogin || lib.any (
          u: u.openssh.authorizedKeys.keys != [ ] || u.openssh.authorizedKeys.keyFiles != [ ] || passwordOf u != [ ]
        ) (lib.filter (u: u.name == "root" || lib.elem "wheel" u.extraGroups) enabled);
        message = "Neither the root account nor any wheel user has a password or SSH authorized key. You must set one to prevent being locked out of your system.";
      }
    ];

    # The place nixpkgs' sshd reads them from. A machine that keeps an sshd of its own reads what that one is configured for.
    environment.etc = lib.listToAttrs (
      map (u: lib.nameValuePair "ssh/authorized_keys.d/${u.name}" {
        mode = "0444";
        text = lib.concatMapStrings (key: key + "\n") (u.openssh.authorizedKeys.keys ++ map (file: lib.fileContents file) u.openssh.authorizedKeys.keyFiles);
      }) (lib.filter (u: u.openssh.authorizedKeys.keys != [ ] || u.openssh.authorizedKeys.keyFiles != [ ]) enabled)
    );

    environment.systemPackages = lib.concatMap (u: u.packages) enabled
      ++ lib.filter lib.isDerivation (map (u: u.shell) enabled);

    system.activationScripts = {
      users = {
        supportsDryActivation = true;
        text = ''
          # Accounts and groups
          bash ${./update.sh} ${spec} ${bit cfg.mutableUsers} || _localstatus=$?
        '';
      };
      # nixpkgs has both names; other snippets depend on either.
      groups = { deps = [ "users" ]; supportsDryActivation = true; text = ""; };
    };
  };
}
