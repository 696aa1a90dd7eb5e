# Options that several kinds of needs have, and what their values look like.
{ lib, types }:
let
  inherit (lib) mkOption;
  t = lib.types;

  account = t.strMatching "[A-Za-z0-9_][A-Za-z0-9_.-]*[$]?" // {
    description = "name or number of an account";
  };

  orNull =
    type: args:
    mkOption (
      {
        type = t.nullOr type;
        default = null;
      }
      // args
    );

  result =
    default: description:
    mkOption {
      inherit default description;
      type = t.raw;
      readOnly = true;
      # A result is made, never given; and it may throw, so nobody but its reader may force it.
      defaultText = lib.literalMD "made by infra";
    };

  units =
    description:
    mkOption {
      type = t.listOf t.str;
      default = [ ];
      example = [ "web.service" ];
      inherit description;
    };
in
{
  inherit orNull result units;

  durationType = types.duration;

  builtinRecipes = [
    "password"
    "hex"
    "passphrase"
    "ssh-ed25519"
    "age"
    "wireguard"
    "x509-ca"
    "x509-cert"
    "password-hash"
  ];

  # What a host can be asked for by name; the command knows how (cli/model/src/fact.rs).
  builtinFacts = [
    "cpus"
    "disks"
    "hostname"
    "interface"
    "interfaces"
    "ipv4"
    "ipv6"
    "kernel"
    "mac"
    "machine-id"
    "memory"
    "ssh-host-key"
    "virtualisation"
  ];

  # What `default` and `example` hold that nobody gave: null is a value.
  none._type = "infra-none";
  isNone = value: value._type or null == "infra-none";

  # Judged by the type of its value, where it is used.
  data = lib.mkOptionType {
    name = "data";
    description = "plain data";
    descriptionClass = "noun";
    merge = lib.options.mergeEqualOption;
  };

  description = mkOption {
    type = t.str;
    default = "";
    example = "Password of the mailbox the forge sends from";
    description = "What it is, for the person who is asked for it.";
  };

  scope = mkOption {
    type = t.enum [
      "host"
      "shared"
    ];
    default = "host";
    description = "`host`: each host has its own. `shared`: one for all hosts that name it.";
  };

  recipe = orNull t.str {
    example = "password";
    description = "How it is made if nobody gives it: one of `infra.recipes`, or a built-in recipe.";
  };

  bind =
    what:
    mkOption {
      type = t.listOf t.str;
      default = [ ];
      example = [ "services.forgejo.settings.server.DOMAIN" ];
      description = "Options of the operating system that receive ${what}. A name with dots in it stands in quotes.";
    };

  duration =
    args:
    mkOption (
      {
        type = types.duration;
      }
      // args
    );

  mode =
    default:
    mkOption {
      type = t.strMatching "0[0-7]{3}" // {
        description = "mode such as 0400";
      };
      inherit default;
      example = "0440";
      description = "Its permissions, in octal.";
    };

  account =
    what:
    mkOption {
      type = account;
      default = "root";
      description = "The ${what} it belongs to: a name or a number.";
    };

  restartUnits = units "Units that are restarted when it changes.";
  reloadUnits = units "Units that are reloaded when it changes.";

  format = mkOption {
    type = t.enum [
      "text"
      "binary"
      "env"
      "json"
      "pem"
      "ssh-key"
      "age-key"
      "password-hash"
    ];
    default = "text";
    description = "What it looks like inside; checked before it is stored.";
  };

  # An attribute set of submodules. Their options are given as a function of the name.
  named =
    {
      options,
      description,
      example,
    }:
    mkOption {
      type = t.attrsOf (t.submodule ({ name, config, ... }: { options = options name config; }));
      default = { };
      inherit description example;
    };
}
