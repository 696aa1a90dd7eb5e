# What Nix says of values and types: for each type its data, and which of the values it accepts. Written out as
# checks/golden/type-verdicts.json, which the tests of the command read: it must say the same.
{ lib, infraLib }:
let
  inherit (infraLib.types) offered patterns toData;
  t = lib.types;

  values = [
    null
    true
    0
    1
    (-1)
    22
    65535
    65536
    1.5
    (-0.5)
    ""
    " "
    "x"
    "a\nb"
    "/var/lib"
    "/a\nb"
    "var"
    "22"
    "true"
    "0.0.0.0"
    "192.0.2.256"
    "10.0.0.0/8"
    "10.0.0.0/33"
    "::"
    "2001:db8::1"
    "2001:db8::/32"
    "1::2::3"
    "::ffff:192.0.2.1"
    "02:00:00:14:00:0f"
    "web"
    "Web-1.example.org"
    "web_1"
    "example.org."
    "https://example.org/a?b#c"
    "https://"
    "redis://[::1]:6379"
    "anna@example.org"
    "anna@"
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbcdefgh anna@laptop"
    "ssh-ed25519 short"
    "90d"
    "1h30m"
    "512MiB"
    "512"
    "schlüssel"
    [ ]
    [ 1 ]
    [ "x" ]
    [
      1
      "x"
    ]
    [ [ "10.0.0.0/8" ] ]
    { }
    { a = 1; }
    { a = "x"; }
    { host = "web"; }
    {
      host = "web";
      port = 22;
    }
    {
      host = "web";
      prot = 22;
    }
    {
      host = "-";
      port = 22;
    }
  ]
  ++ map (kind: patterns.${kind}.example) (builtins.attrNames patterns);

  endpoint = offered.submodule {
    options.host = lib.mkOption { type = offered.hostname; };
    options.port = lib.mkOption {
      type = offered.port;
      default = 22;
    };
  };

  types =
    builtins.intersectAttrs patterns offered
    // {
      inherit endpoint;
      inherit (t)
        str
        nonEmptyStr
        int
        bool
        float
        anything
        number
        lines
        singleLineStr
        ;
      inherit (offered) port;
      nixpkgsPort = t.port;
      positive = t.ints.positive;
      unsigned = t.ints.unsigned;
      small = t.ints.between (-1) 22;
      byte = t.ints.u8;
      enum = t.enum [
        "x"
        1
        true
      ];
      letters = t.strMatching "[a-z]+";
      either = t.either t.int t.str;
      # The outside decides: a list is judged by the first alternative.
      lists = t.either (t.listOf t.int) (t.listOf t.str);
      listOf = t.listOf offered.cidr;
      nested = t.listOf (t.listOf offered.cidr);
      attrsOf = t.attrsOf t.int;
      nullOr = t.nullOr offered.ipv4;
      endpoints = t.attrsOf endpoint;
      oneOf = t.oneOf [
        t.bool
        offered.ipv4
        (t.listOf t.str)
      ];
    };

  accepts =
    type: value:
    let
      inherit
        (lib.modules.mergeDefinitions [ "verdict" ] type [
          {
            file = "a value";
            inherit value;
          }
        ])
        mergedValue
        ;
    in
    (builtins.tryEval (builtins.deepSeq mergedValue true)).success;

  indices = builtins.genList (index: index) (builtins.length values);
in
{
  inherit values;
  types = lib.mapAttrsToList (name: type: {
    inherit name;
    type = toData type;
    accepts = builtins.filter (index: accepts type (builtins.elemAt values index)) indices;
  }) types;
}
