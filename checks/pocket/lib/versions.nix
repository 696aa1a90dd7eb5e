# Version strings.
{ lib }:
let
  inherit (builtins) concatStringsSep elemAt splitVersion;
in
{
  inherit (builtins) compareVersions splitVersion;
  major = v: elemAt (splitVersion v) 0;
  minor = v: elemAt (splitVersion v) 1;
  patch = v: elemAt (splitVersion v) 2;
  majorMinor = v: concatStringsSep "." (lib.take 2 (splitVersion v));
  pad =
    n: version:
    let
      numbers = lib.head (lib.splitString "-" version);
      suffix = lib.removePrefix numbers version;
    in
    concatStringsSep "." (lib.take n (splitVersion numbers ++ lib.replicate n "0")) + suffix;
}
