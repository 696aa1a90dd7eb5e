# What cli/model/src/name.rs accepts and refuses, with its reasons.
{ lib, infraLib }:
let
  inherit (infraLib.hostName) fault;
  long = builtins.concatStringsSep "" (builtins.genList (_: "a") 63);
  case = name: expected: {
    name = "fault of `${name}`";
    expr = fault name;
    inherit expected;
  };
in
map (name: case name null) [
  "web"
  "a"
  "0"
  "web-1"
  "x--y"
  long
]
++ map (name: case name "it begins or ends with '-'") [
  "-web"
  "web-"
  "-"
]
++ map (name: case name "it has characters other than a-z, 0-9 and '-'") [
  "web.example"
  "we b"
  "wéb"
  "web_1"
  "a/b"
  ".."
  "\${x}"
  "a\"b"
  "a\nb"
]
++ [
  (case "" "it is empty")
  (case "Web" "it has upper-case letters")
  (case "a${long}" "it is longer than 63 characters")
]
