# What a contract sees of the operating system: nothing, with an error that says so.
#
# `config.services` in a contract.nix would be a missing attribute, which nothing can catch: one host would take all that are evaluated
# with it along. So the names under which operating systems keep their options are there, and throw.
{ lib, problem }:
let
  names = [
    "appstream"
    "assertions"
    "boot"
    "console"
    "containers"
    "disko"
    "documentation"
    "environment"
    "fileSystems"
    "fonts"
    "hardware"
    "home"
    "home-manager"
    "i18n"
    "image"
    "location"
    "meta"
    "microvm"
    "networking"
    "nix"
    "nixpkgs"
    "power"
    "powerManagement"
    "programs"
    "qt"
    "security"
    "services"
    "specialisation"
    "swapDevices"
    "system"
    "systemd"
    "time"
    "users"
    "virtualisation"
    "warnings"
    "xdg"
    "zramSwap"
  ];

  arguments = [
    "inputs"
    "modulesPath"
    "pkgs"
    "utils"
  ];

  # Every place in the files where the option is read, found when the error is made and not before.
  readsIn =
    root: option: file:
    let
      lines = lib.splitString "\n" (builtins.readFile file);
      short = lib.removePrefix "${toString root}/" (toString file);
      found =
        number: line:
        let
          parts = builtins.match ".*config[.](${option}([.][A-Za-z0-9_.\"-]*[A-Za-z0-9_\"])?)([^A-Za-z0-9_-].*)?" line;
        in
        lib.optional (parts != null) {
          option = builtins.head parts;
          place = "${short}:${toString number}";
        };
    in
    lib.concatLists (lib.imap1 found lines);
in
{
  root,
  host,
  files, # the contract.nix files in scope
}:
let
  # What is imported by them is not looked through.
  readable = builtins.filter builtins.pathExists files;

  noOption =
    option:
    let
      reads = lib.concatMap (readsIn root option) readable;
      first = builtins.head reads;
    in
    problem.raise [
      {
        code = "option-outside-contract";
        title =
          if reads == [ ] then
            "a contract of host `${host}` reads an option of the operating system: `config.${option}`"
          else
            "a contract of host `${host}` reads an option of the operating system: `config.${first.option}`";
        cause = "contracts are evaluated without the operating system";
        where =
          if reads == [ ] then
            lib.concatMapStringsSep ", " (file: lib.removePrefix "${toString root}/" (toString file)) files
          else
            lib.concatMapStringsSep ", " (read: read.place) reads;
        fix = "declare an option of your own in an interface.nix that contract.nix and default.nix import, and read that; to set an option of the operating system, use `bind`";
      }
    ];

  noArgument =
    name:
    problem.raise [
      {
        code = "option-outside-contract";
        title = "a contract of host `${host}` uses `${name}`, which contracts do not have";
        cause = "contracts are evaluated with `lib` alone";
        where = lib.concatMapStringsSep ", " (file: lib.removePrefix "${toString root}/" (toString file)) files;
        fix = "move what needs `${name}` into default.nix or configuration.nix";
      }
    ];
in
{
  options = lib.genAttrs names noOption;
  arguments = lib.genAttrs arguments noArgument;
}
