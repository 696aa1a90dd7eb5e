# The parts of a contract that are functions over data: names, option paths, agreement of the planes.
{ lib, infraLib, ... }:
let
  inherit (infraLib.contract) binds disagreements needName;

  fault = name: expected: {
    name = "the name `${builtins.substring 0 20 name}`";
    expr = needName.fault name;
    inherit expected;
  };
  long = count: lib.concatStrings (builtins.genList (_: "a") count);
  characters = "it has characters other than letters, digits and _.-";

  path = text: expected: {
    name = "the option path `${text}`";
    expr = binds.parse text;
    inherit expected;
  };

  manifest = changes: {
    host = "web";
    secrets = { };
    values = { };
    recipes = { };
    exports = { };
    wants = { };
    templates = { };
    probes = {
      enable = true;
      probes = { };
    };
  }
  // changes;
  need = {
    owner = "root";
    declared = [
      {
        file = "modules/web/contract.nix";
        line = 3;
        column = 5;
      }
    ];
  };
  other = need // {
    owner = "anna";
    declared = need.declared ++ [ { file = "hosts/web/configuration.nix"; } ];
  };
in
[
  (fault "token" null)
  (fault "0_a.B-c" null)
  (fault (long 128) null)
  (fault "" "it is empty")
  (fault (long 129) "it is longer than 128 characters")
  (fault ".hidden" "it begins with '.' or '-'")
  (fault ".." "it begins with '.' or '-'")
  (fault "-x" "it begins with '.' or '-'")
  (fault "a b" characters)
  (fault "a/b" characters)
  (fault "schlüssel" characters)
  (fault "a\nb" characters)

  (path "a" [ "a" ])
  (path "services.web.port" [
    "services"
    "web"
    "port"
  ])
  (path "a.\"b.c\".d-e'" [
    "a"
    "b.c"
    "d-e'"
  ])
  (path "" null)
  (path "a..b" null)
  (path "a." null)
  (path "a.\"b" null)
  (path "a b" null)
  (path "a.1b" null)

  {
    name = "planes that agree, wherever it is said";
    expr = disagreements {
      plane = manifest { secrets.token = need; };
      system = manifest { secrets.token = need // { inherit (other) declared; }; };
    };
    expected = [ ];
  }
  {
    name = "a need only the system has";
    expr = disagreements {
      plane = manifest { };
      system = manifest { secrets.token = other; };
    };
    expected = [
      "`infra.secrets.token` is declared only in the system, in modules/web/contract.nix:3 and hosts/web/configuration.nix: the contract of host `web` does not know it, so nothing fills it. Move it to hosts/web/contract.nix, or to the contract.nix of a module."
    ];
  }
  {
    name = "a need the system has not";
    expr = disagreements {
      plane = manifest { values.title = need; };
      system = manifest { };
    };
    expected = [
      "`infra.values.title` is declared in the contract of host `web`, in modules/web/contract.nix:3, and not in its system. Make the condition there depend on options of contracts alone."
    ];
  }
  {
    name = "a need that differs";
    expr = disagreements {
      plane = manifest { secrets.token = need; };
      system = manifest { secrets.token = other; };
    };
    expected = [
      "`infra.secrets.token` differs between the contract and the system of host `web` in: owner (modules/web/contract.nix:3 and hosts/web/configuration.nix). Say it in contract.nix alone: move the other to hosts/web/contract.nix, or to the contract.nix of a module."
    ];
  }
  {
    name = "probes switched off in one of them";
    expr = builtins.length (disagreements {
      plane = manifest { };
      system = manifest {
        probes = {
          enable = false;
          probes = { };
        };
      };
    });
    expected = 1;
  }
]
