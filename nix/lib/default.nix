# Pure functions over data and folders: what a repository is, and what is wrong with it.
#
# This room takes nixpkgs' `lib` and nothing else. No `pkgs`, no inputs, no derivations; that is what makes it testable as data
# (checks/nix/unit) and usable in both planes.
{ lib }:
let
  # Every file is a function of the ideas it uses, so its first line says what it depends on.
  load =
    file:
    let
      function = import file;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) (room // { inherit lib; }));

  room = {
    problem = load ./problem.nix;
    nearest = load ./nearest.nix;
    shapes = load ./shapes.nix;
    checkTable = load ./check-table.nix;
    folders = load ./folders.nix;
    hostName = load ./host-name.nix;
    hostKeys = load ./host-keys.nix;
    settings = load ./settings.nix;
    shared = load ./shared.nix;
    host = load ./host.nix;
    hosts = load ./hosts.nix;
    homes = load ./homes.nix;
    requireInput = load ./require-input.nix;
    plain = load ./plain.nix;
    types = load ./types;
    contract = load ./contract;
  };
in
room
