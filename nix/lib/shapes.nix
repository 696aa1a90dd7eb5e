# What a value in a TOML file may look like. `expected` finishes the sentence "must be …"; `example` is TOML that would do.
#
# The wording and the rules are the CLI's (cli/model/src/host.rs): whichever of the two meets a fault first, the user reads the same.
# checks/golden/host-toml.json holds both sides to it.
{ lib, hostName }:
let
  matches = pattern: value: builtins.isString value && builtins.match pattern value != null;
  listOf = accepts: value: builtins.isList value && builtins.all accepts value;
  within = low: high: value: builtins.isInt value && value >= low && value <= high;
  quoted = words: lib.concatStringsSep ", " words;

  # A word that `ssh` can mistake neither for an option nor for the end of its argument.
  isSshWord = matches "[][A-Za-z0-9._:%@][][A-Za-z0-9._:%@-]*";

  # A host alone, without a login; an IPv6 address may stand in brackets, as in a URL.
  isAddress = matches "(${bareAddress}|\\[${bareAddress}])";
  bareAddress = "[A-Za-z0-9._:%][A-Za-z0-9._:%-]*";
in
{
  oneOf = words: {
    expected = "one of ${quoted words}";
    example = ''"${builtins.head words}"'';
    accepts = value: builtins.elem value words;
  };

  nixSystem = {
    expected = ''a Nix system such as "x86_64-linux"'';
    example = ''"x86_64-linux"'';
    accepts = matches "[a-z0-9_]+-[a-z0-9_]+";
  };

  hostName = {
    expected = "the name of a host";
    example = ''"server"'';
    accepts = value: builtins.isString value && hostName.fault value == null;
  };

  # Tags are words that a selector can name without quoting.
  tags = {
    expected = "a list of words of letters, digits and -_.:/";
    example = ''["frontend"]'';
    accepts = listOf (matches "[A-Za-z0-9_.:/-]+");
  };

  addresses = {
    expected = "a list of host names or IP addresses";
    example = ''["10.0.0.2"]'';
    accepts = listOf isAddress;
  };

  folders = {
    expected = "a list of folders of the repository";
    example = ''["modules"]'';
    accepts = listOf builtins.isString;
  };

  user = {
    expected = "a user name";
    example = ''"root"'';
    accepts = isSshWord;
  };

  jump = {
    expected = "a host that SSH connections pass through";
    example = ''"bastion.example.org"'';
    accepts = isSshWord;
  };

  port = {
    expected = "a port from 1 to 65535";
    example = "22";
    accepts = within 1 65535;
  };

  wave = {
    expected = "a whole number from 0";
    example = "0";
    accepts = within 0 4294967295;
  };

  build = {
    expected = ''"local", "target" or the name of a building host'';
    example = ''"local"'';
    # "local" and "target" are DNS labels as well.
    accepts = value: builtins.isString value && hostName.fault value == null;
  };

  table = example: {
    inherit example;
    expected = "a table";
    accepts = builtins.isAttrs;
  };

  strings = expected: example: {
    inherit expected example;
    accepts = listOf builtins.isString;
  };
}
