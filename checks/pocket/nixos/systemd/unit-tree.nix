# All units as one folder, the way systemd reads /etc/systemd/system: unit files, drop-ins, aliases, and .wants folders.
{ lib, pkgs, units, packages, systemd }:
let
  quote = lib.escapeShellArg;

  # A unit systemd itself brings, or an instance of a template, is changed by a drop-in: its own file stays valid.
  place = name: u:
    if !u.enable then "ln -s /dev/null ${quote name}"
    else if u.overrideStrategy == "asDropin" then "dropin ${quote name} ${u.unit}"
    else "unit ${quote name} ${u.unit}";

  links = name: u:
    map (alias: "ln -sfn ${quote name} ${quote alias}") u.aliases
    ++ map (other: "pull ${quote other}.wants ${quote name}") u.wantedBy
    ++ map (other: "pull ${quote other}.requires ${quote name}") u.requiredBy
    ++ map (other: "pull ${quote other}.upholds ${quote name}") u.upheldBy;
in
pkgs.pocket.run "system-units" {
  steps = lib.concatStringsSep "\n" (
    lib.concatLists (lib.mapAttrsToList (name: u: [ (place name u) ] ++ lib.optionals u.enable (links name u)) units)
  ) + "\n";
  passAsFile = [ "steps" ];
  packages = map toString packages;
  inherit systemd;
} ''
  mkdir "$out"; cd "$out"
  for package in $packages; do
    for f in $package/etc/systemd/system/* $package/lib/systemd/system/*; do
      if [ -e "$f" ] && [ ! -d "$f" ]; then ln -sfn "$f" .; fi
    done
  done

  dropin() { mkdir -p "$1.d"; ln -s "$2/$1" "$1.d/overrides.conf"; }
  unit() {
    template=
    case $1 in *@?*.*) template=''${1%%@*}@.''${1##*.} ;; esac
    if [ -L "$1" ] || [ -e "$systemd/lib/systemd/system/$1" ] || { [ -n "$template" ] && ! grep -q '^Exec' "$2/$1"; }; then
      dropin "$1" "$2"
    else
      ln -s "$2/$1" "$1"
    fi
  }
  pull() { mkdir -p "$1"; ln -sfn "../$2" "$1/$2"; }

  . "$stepsPath"
''
