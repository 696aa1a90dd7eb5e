# host.toml: the record it becomes. What it may not say is in checks/golden/host-toml.json, which the CLI's tests read as well.
{ infraLib, ... }:
let
  record = defaults: toml: infraLib.host.record "web" defaults (builtins.fromTOML toml);
  least = ''
    class = "nixos"
    system = "x86_64-linux"
  '';
in
[
  {
    name = "defaults";
    expr = record { } least;
    expected = {
      name = "web";
      class = "nixos";
      system = "x86_64-linux";
      tags = [ ];
      addresses = [ "web" ];
      user = "root";
      port = 22;
      jump = null;
      build = "local";
      platform = "ssh";
      parent = null;
      shared = null;
      wave = null;
      relay = null;
    };
  }
  {
    name = "own keys beat the repository's, which beat ours";
    expr = {
      inherit
        (record {
          user = "deploy";
          port = 2222;
        } "${least}port = 23")
        user
        port
        platform
        ;
    };
    expected = {
      user = "deploy";
      port = 23;
      platform = "ssh";
    };
  }
  {
    name = "addresses of its own";
    expr = (record { } "${least}addresses = [\"10.0.0.2\", \"web.example.org\"]").addresses;
    expected = [
      "10.0.0.2"
      "web.example.org"
    ];
  }
]
