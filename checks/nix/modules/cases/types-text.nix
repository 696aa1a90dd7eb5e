# Types of strings, paths and packages.
{
  lib,
  types,
  merge,
  accepts,
  ...
}:
let
  taken = type: map (accepts type);
  drv = {
    type = "derivation";
    name = "p";
    outPath = "/p";
  };
in
{
  str-conflict = {
    expr = merge types.str [
      "a"
      "b"
    ];
    error = [
      "The option `x' has conflicting definition values:"
      "- In `d1.nix': \"a\""
      "- In `d2.nix': \"b\""
      "Use `lib.mkForce value` or `lib.mkDefault value`"
    ];
  };
  str-is-no-path = {
    expr = taken types.str [
      "a"
      ./types-plain.nix
      1
    ];
    expected = [
      true
      false
      false
    ];
  };
  non-empty-str = {
    expr = taken types.nonEmptyStr [
      "a"
      ""
      " \n"
    ];
    expected = [
      true
      false
      false
    ];
  };
  single-line-str = {
    expr = [
      (merge types.singleLineStr [ "one\n" ])
      (accepts types.singleLineStr "one\ntwo")
    ];
    expected = [
      "one"
      false
    ];
  };
  str-matching = {
    expr = merge (types.strMatching "[a-z]+") [ "A1" ];
    error = [ "is not of type `string matching the pattern [a-z]+'. Definition values: - In `d1.nix': \"A1\"" ];
  };
  separated-strings = {
    expr = [
      (merge types.lines [
        "a"
        "b"
      ])
      (merge types.commas [
        "a"
        "b"
      ])
      (merge types.envVar [
        "a"
        "b"
      ])
      (merge (types.separatedString "; ") [
        "a"
        "b"
      ])
    ];
    expected = [
      "a\nb"
      "a,b"
      "a:b"
      "a; b"
    ];
  };
  passwd-entry = {
    expr = taken (types.passwdEntry types.str) [
      "Root User"
      "a:b"
      "a\nb"
    ];
    expected = [
      true
      false
      false
    ];
  };

  path = {
    expr = taken types.path [
      "/a"
      ./types-plain.nix
      "a"
      1
      drv
    ];
    expected = [
      true
      true
      false
      false
      true
    ];
  };
  path-in-store = {
    expr = taken types.pathInStore [
      "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-a/b"
      "/nix/store"
      "/nix/store/short"
      "/etc"
    ];
    expected = [
      true
      false
      false
      false
    ];
  };
  external-path = {
    expr = taken types.externalPath [
      "/etc"
      "etc"
      ./types-plain.nix
      "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-a"
    ];
    expected = [
      true
      false
      false
      false
    ];
  };
  path-with-relative = {
    expr = taken (types.pathWith { absolute = false; }) [
      "a/b"
      "/a"
    ];
    expected = [
      true
      false
    ];
  };
  package = {
    expr = [
      (merge types.package [ drv ]).name
      (accepts types.package "text")
      (accepts types.package { })
    ];
    expected = [
      "p"
      false
      false
    ];
  };
  package-twice = {
    expr = merge types.package [
      drv
      drv
    ];
    error = [
      "The option `x' is defined multiple times while it's expected to be unique."
      "- In `d1.nix': <derivation p>"
    ];
  };
  shell-package = {
    expr = [
      (accepts types.shellPackage (drv // { shellPath = "/bin/sh"; }))
      (accepts types.shellPackage drv)
    ];
    expected = [
      true
      false
    ];
  };
}
