# Cases of host.toml with what is wrong in each. Written out as checks/golden/host-toml.json, which the tests of cli/model read too:
# the CLI and Nix refuse the same files in the same words.
#
# Texts here are such that a value looks the same in TOML and in JSON, because the CLI quotes the one and Nix the other.
{ infraLib }:
let
  file = "hosts/web/host.toml";
  least = "class = \"nixos\"\nsystem = \"x86_64-linux\"\n";

  faultsOf =
    toml:
    map (fault: removeAttrs fault [ "where" ]) (infraLib.host.checkKeys "web" (builtins.fromTOML toml));

  case = name: toml: {
    inherit name toml;
    faults = faultsOf toml;
  };

  also = name: line: case name "${least}${line}\n";
in
{
  inherit file;
  cases = [
    (case "the least" least)
    (also "everything" ''
      tags = ["frontend", "eu-1", "a.b:c/d_e"]
      addresses = ["10.0.0.2", "[fe80::1%eth0]", "web.example.org"]
      user = "deploy"
      port = 65535
      jump = "ops@bastion.example.org"
      build = "builder-1"
      platform = "cloud-hypervisor"
      parent = "nas"
      shared = ["modules"]
      wave = 0
      relay = "nas"'')
    (case "nothing" "")
    (case "no class" "system = \"x86_64-linux\"\n")
    (case "no system" "class = \"nixos\"\n")
    (case "unknown class" "class = \"nixso\"\nsystem = \"x86_64-linux\"\n")
    (case "class of the wrong type" "class = 1\nsystem = \"x86_64-linux\"\n")
    (case "half a system" "class = \"nixos\"\nsystem = \"x86_64\"\n")
    (case "a system with a space" "class = \"nixos\"\nsystem = \"x86_64 linux\"\n")
    (also "a slip in a key" "adresses = []")
    (also "swapped letters in a key" "prot = 22")
    (also "the beginning of a key" "addr = []")
    (also "a strange key" "zzz = 1")
    (also "two unknown keys" "zzz = 1\nadresses = []")
    (also "tags that are a string" "tags = \"web\"")
    (also "tags with a number" "tags = [1]")
    (also "a tag that a selector cannot name" "tags = [\"a,b\"]")
    (also "an empty tag" "tags = [\"\"]")
    (also "an address with a space" "addresses = [\"a b\"]")
    (also "an address with a login" "addresses = [\"root@10.0.0.2\"]")
    (also "half a bracket" "addresses = [\"[fe80::1\"]")
    (also "a bracketed option" "addresses = [\"[-x]\"]")
    (also "an address like an option" "addresses = [\"-oProxyCommand=x\"]")
    (also "no addresses" "addresses = []")
    (also "a user like an option" "user = \"-oProxyCommand=x\"")
    (also "an empty user" "user = \"\"")
    (also "port 0" "port = 0")
    (also "a port too high" "port = 65536")
    (also "a negative port" "port = -1")
    (also "a port as text" "port = \"22\"")
    (also "a jump like an option" "jump = \"-x\"")
    (also "a builder that cannot be a host" "build = \"Not_A_Host\"")
    (also "an unknown platform" "platform = \"vmware\"")
    (also "a parent that cannot be a host" "parent = \"a.b\"")
    (also "shared that is a string" "shared = \"modules\"")
    (also "shared that is true" "shared = true")
    (also "a negative wave" "wave = -1")
    (also "a wave with a name" "wave = \"canary\"")
    (also "a relay that cannot be a host" "relay = \"\"")
    (case "several mistakes" "clas = \"nixos\"\nsystem = \"x86_64\"\nport = 70000\ntags = \"web\"\n")
  ];
}
