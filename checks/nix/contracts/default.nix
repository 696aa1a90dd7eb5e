# The contract plane on the fixtures. Like the plane, these tests need nixpkgs' `lib` and nothing else: they run with any lib there is.
{ nixpkgs }:
let
  inherit (nixpkgs) lib;

  repository = import ../repository.nix {
    nixpkgs = {
      inherit lib;
    };
  };

  root = ../fixtures/contracts;
  inherit ((repository { inherit root; }).infra) plane planes;
  inherit (plane) good;

  infraLib = import ../../../nix/lib { inherit lib; };

  # The plane of a host with other fillings than the files of the repository.
  planeWith =
    name: filled:
    infraLib.contract.plane {
      inherit root;
      host = (infraLib.hosts root).${name};
      filled = infraLib.contract.filled root name // filled;
    };

  # A contract with one more module.
  planeWithSaid =
    said:
    (lib.evalModules {
      modules = [
        infraLib.contract.module
        { infra.secrets.token = { }; }
        said
      ];
    }).config.infra;

  bare = (planeWith "good" { values = { }; }).manifest;
  config = (planeWith "good" { wants.db.db = 5432; }).config.infra;

  # As it is without the command.
  frozen = (planeWith "good" { }).config.infra.values;

  succeeds = value: (builtins.tryEval (builtins.deepSeq value true)).success;
in
import ../outcomes.nix { inherit lib; } [
  {
    name = "what `mkIf false` holds is not there, and neither is it declared";
    expr = builtins.attrNames good.secrets;
    expected = [
      "made-a"
      "spare"
      "token"
    ];
  }
  {
    name = "the place of a need is that of its name";
    expr = good.secrets.token.declared;
    expected = [
      {
        file = "modules/web/contract.nix";
        line = 12;
        column = 7;
      }
    ];
  }
  {
    name = "a fact is asked by its name";
    expr = good.values.address.fact;
    expected = {
      builtin = "ipv4";
    };
  }
  {
    name = "what the host once answered is its value";
    expr = frozen.address.value;
    expected = "192.0.2.9";
  }
  {
    name = "the answer to another question is none";
    expr = frozen.serial.value;
    expected = "none";
  }
  {
    name = "a command is asked in words";
    expr = good.values.serial.fact.command;
    expected = [
      "cat"
      "/sys/class/dmi/id/product_serial"
    ];
  }
  {
    name = "a need that a function made has at least a file";
    expr = map (place: place.file) good.secrets.made-a.declared;
    expected = [ "modules/web/contract.nix" ];
  }
  {
    name = "a service may be named without its ending";
    expr = good.secrets.token.units;
    expected = [ "web.service" ];
  }
  {
    name = "a template needs what its text mentions";
    expr = good.templates.auth.needs;
    expected = [
      "title"
      "token"
    ];
  }
  {
    name = "an export of an open value has no value yet";
    expr = [
      (bare.exports.title ? value)
      bare.exports.port.value
      good.exports.title.value
    ];
    expected = [
      false
      8080
      "From context/hosts"
    ];
  }
  {
    name = "a host's own file comes before the shared one, which comes before the default";
    expr = builtins.mapAttrs (_: value: value.value) config.values;
    expected = {
      title = "From context/hosts";
      port = 9090;
      address = "192.0.2.9";
      serial = "none";
    };
  }
  {
    name = "results";
    expr = {
      inherit (config.secrets.token)
        path
        credential
        placeholder
        exists
        ;
      stored = config.secrets.made-a.exists;
      spare = config.secrets.spare.exists;
      want = config.wants.db.value;
      wants = config.wants.db.values;
    };
    expected = {
      path = "/run/infra/secrets/token";
      credential = "token";
      placeholder = "<infra:secret:token>";
      exists = true;
      stored = true;
      spare = false;
      want = 5432;
      wants.db = 5432;
    };
  }
  {
    name = "results cannot be given";
    expr = map succeeds [
      (planeWithSaid { infra.secrets.token.path = "/elsewhere"; }).secrets.token.path
      (planeWithSaid { }).secrets.token.path
    ];
    expected = [
      false
      true
    ];
  }
  {
    name = "without the command, hosts answer each other";
    expr = (import ../../../nix/eval/planes.nix {
      inherit lib infraLib root;
      hosts = infraLib.hosts root;
    }).ofHost.good.config.infra.wants.db.values;
    expected.db = 5432;
  }
  {
    name = "a value is never read from a reference to a secret";
    expr = (infraLib.contract.filled root "good").values ? token;
    expected = false;
  }
  {
    name = "one host's mistakes are its own";
    expr = succeeds plane.good && !succeeds plane.mistakes;
    expected = true;
  }
  {
    name = "no trees, no planes";
    expr = planes;
    expected = {
      schema = 1;
      hosts = { };
    };
  }
]
