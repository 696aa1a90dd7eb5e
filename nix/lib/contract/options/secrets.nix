# infra.secrets: what a host must know and nobody else may. There is no option that holds a secret, on purpose: none ever enters Nix.
{
  lib,
  words,
  filled,
  ...
}:
let
  inherit (lib) mkOption;
  t = lib.types;
in
words.named {
  description = "Secrets this host needs, by name.";
  example = {
    mail-password = {
      description = "Password of the mailbox the forge sends from";
      units = [ "forgejo.service" ];
    };
  };
  options = name: _: {
    inherit (words)
      description
      scope
      format
      recipe
      restartUnits
      reloadUnits
      ;
    owner = words.account "user";
    group = words.account "group";
    mode = words.mode "0400";
    bind = words.bind "the path of its file";

    phase = mkOption {
      type = t.enum [
        "install"
        "initrd"
        "users"
        "services"
      ];
      default = "services";
      description = "When it must be there: while the machine is installed, in the initial ramdisk, before accounts are made, or before services start.";
    };
    units = words.units "Services that read it: each gets it as a systemd credential of its name, starts after it is there, and is restarted when it changes.";
    check = {
      minLength = words.orNull t.ints.unsigned { description = "The fewest bytes it may have."; };
      maxLength = words.orNull t.ints.unsigned { description = "The most bytes it may have."; };
      match = words.orNull t.str {
        example = "[0-9]{6}";
        description = "A POSIX extended regular expression that matches the whole of it.";
      };
    };
    required = mkOption {
      type = t.bool;
      default = true;
      description = "Whether the host cannot be deployed without it. One that is not required and not there is bound to nothing.";
    };
    deploy = mkOption {
      type = t.bool;
      default = true;
      description = "Whether it is sent to the host. `false`: it is kept in the repository only, for recipes to use.";
    };
    rotate = {
      every = words.orNull words.durationType {
        example = "90d";
        description = "After how long it should be made anew.";
      };
      grace = words.orNull words.durationType {
        example = "1h";
        description = "How long the one before stays beside it after a rotation.";
      };
    };

    path = words.result "/run/infra/secrets/${name}" "Where its file is on the running host.";
    credential = words.result name "Its name as a systemd credential: `$CREDENTIALS_DIRECTORY/<this>` in the units that consume it.";
    placeholder = words.result "<infra:secret:${name}>" "Stands for the secret in the text of a template.";
    exists = words.result (builtins.elem name filled.secrets) "Whether some source has it.";
  };
}
