# How a host is told which system to boot once.
{ lib, ... }:
{
  _file = "modules/changes/interface.nix of infra";
  _class = "nixos";

  imports = [ ../secrets/interface.nix ];

  options.infra.boot.once = lib.mkOption {
    type = lib.types.nullOr lib.types.path;
    default = null;
    example = lib.literalExpression "./boot-once.sh";
    description = ''
      A program that has the boot loader boot a system once, for `infra deploy --reboot`. It is called as root with `set SYSTEM`, a store
      path, and from then on the next boot is of that system and the one after it of the boot default; `clear` takes that back, and is called
      once that boot has come to pass, too. Exit code 0 says that it is done. systemd-boot and GRUB need none.
    '';
  };
}
