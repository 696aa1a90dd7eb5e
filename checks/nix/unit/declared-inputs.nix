# How the command reads what a flake.nix declares (nix/eval/declared-inputs.nix), to compare it with flake.lock.
{ ... }:
let
  read = import ../../../nix/eval/declared-inputs.nix;
  ofInput = input: (read { inputs.x = input; }).x;
  declared =
    ref: follows: overrides:
    {
      inherit ref follows overrides;
    };
in
[
  {
    name = "a url is taken apart as in a lock file";
    expr = ofInput { url = "github:NixOS/nixpkgs/nixos-25.11"; };
    expected = declared {
      type = "github";
      owner = "NixOS";
      repo = "nixpkgs";
      ref = "nixos-25.11";
    } null { };
  }
  {
    name = "attributes stand for themselves, and `flake` is none of them";
    expr = ofInput {
      type = "git";
      url = "ssh://git@forge/x";
      flake = false;
    };
    expected = declared {
      type = "git";
      url = "ssh://git@forge/x";
    } null { };
  }
  {
    name = "folders of the flake are locked as they are written";
    expr = map (url: (ofInput { inherit url; }).ref) [
      "path:./modules/x"
      "./modules/x"
      "../x"
    ];
    expected =
      map
        (path: {
          type = "path";
          inherit path;
        })
        [
          "./modules/x"
          "./modules/x"
          "../x"
        ];
  }
  {
    name = "what follows another has no reference of its own";
    expr = ofInput { follows = "infra/nixpkgs"; };
    expected = declared null "infra/nixpkgs" { };
  }
  {
    name = "overrides of inner inputs are told with what they follow";
    expr = ofInput {
      url = "github:infra-nix/infra";
      inputs.nixpkgs.follows = "nixpkgs";
      inputs.other.url = "github:a/b";
    };
    expected = declared {
      type = "github";
      owner = "infra-nix";
      repo = "infra";
    } null {
      nixpkgs = "nixpkgs";
      other = null;
    };
  }
  {
    name = "arguments of outputs are inputs by their names";
    expr = read {
      outputs =
        {
          self,
          nixpkgs,
          ...
        }:
        { inherit self nixpkgs; };
    };
    expected.nixpkgs = declared {
      type = "indirect";
      id = "nixpkgs";
    } null { };
  }
  {
    name = "outputs are not looked into";
    expr = read {
      inputs = { };
      outputs = _: throw "evaluated";
    };
    expected = { };
  }
]
