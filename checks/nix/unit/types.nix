# infra.types: what each lets through, and every type as data.
{ lib, infraLib }:
let
  inherit (infraLib.types) offered patterns toData;
  t = lib.types;

  # Texts that are and are not of a kind. The command's tests read patterns.json and hold it to the same (cli/model).
  samples = {
    ipv4 = {
      yes = [
        "0.0.0.0"
        "255.255.255.255"
      ];
      no = [
        "256.1.1.1"
        "1.2.3"
        "01.2.3.4"
        "1.2.3.4 "
        ""
      ];
    };
    ipv6 = {
      yes = [
        "::"
        "::1"
        "2001:db8::1"
        "1:2:3:4:5:6:7:8"
        "fe80::"
        "::ffff:192.0.2.1"
      ];
      no = [
        ":::"
        "1:2:3:4:5:6:7:8:9"
        "1::2::3"
        "12345::"
        "fe80::1%eth0"
      ];
    };
    cidr = {
      yes = [
        "10.0.0.0/8"
        "0.0.0.0/0"
        "2001:db8::/128"
      ];
      no = [
        "10.0.0.0"
        "10.0.0.0/33"
        "::/129"
      ];
    };
    mac = {
      yes = [ "02:00:00:14:00:0f" ];
      no = [
        "02:00:00:14:00"
        "02-00-00-14-00-0f"
      ];
    };
    hostname = {
      yes = [
        "web"
        "a.b-c.D1"
      ];
      no = [
        "-web"
        "web-"
        "a..b"
        "a_b"
        "a."
      ];
    };
    fqdn = {
      yes = [ "git.example.org" ];
      no = [
        "git"
        "git.example.1"
        ".org"
      ];
    };
    url = {
      yes = [
        "https://example.org/a?b=c#d"
        "redis://[::1]:6379"
      ];
      no = [
        "example.org"
        "https://"
        "https://a b"
      ];
    };
    email = {
      yes = [ "anna+x@example.org" ];
      no = [
        "anna"
        "anna@"
        "@example.org"
        "a b@c.d"
      ];
    };
    sshPublicKey = {
      yes = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbcdefgh anna@laptop" ];
      no = [
        "ssh-ed25519"
        "AAAAC3NzaC1lZDI1NTE5AAAAIAbcdefgh"
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbcdefgh a\nssh-rsa"
      ];
    };
    agePublicKey = {
      yes = [ "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p" ];
      no = [
        "age1"
        "AGE-SECRET-KEY-1"
      ];
    };
    duration = {
      yes = [
        "90d"
        "0s"
      ];
      no = [
        "90"
        "1y"
        "1h30m"
        "-1s"
      ];
    };
    size = {
      yes = [
        "512MiB"
        "1B"
      ];
      no = [
        "512"
        "1.5GiB"
        "1TB"
      ];
    };
    path = {
      yes = [
        "/"
        "/var/lib"
      ];
      no = [
        "var"
        ""
      ];
    };
    nonEmptyString = {
      yes = [
        "x"
        " x\n"
      ];
      no = [
        ""
        " \n\t"
      ];
    };
  };

  typeOfKind = offered // {
    nonEmptyString = t.nonEmptyStr;
  };

  wrongOf =
    kind:
    let
      accepts = typeOfKind.${kind}.check;
      matches = value: builtins.match patterns.${kind}.pattern value != null;
      judged = want: value: accepts value == want && matches value == want;
    in
    builtins.filter (value: !judged true value) (samples.${kind}.yes ++ [ patterns.${kind}.example ])
    ++ builtins.filter (value: !judged false value) samples.${kind}.no;

  sample = kind: {
    name = "${kind}: the type and the pattern judge alike";
    # The example of a key is shortened for people.
    expr = lib.remove (if kind == "sshPublicKey" then patterns.${kind}.example else null) (wrongOf kind);
    expected = [ ];
  };

  merged =
    a: b:
    (lib.evalModules {
      modules = [
        { options.x = lib.mkOption { type = a; }; }
        { options.x = lib.mkOption { type = b; }; }
      ];
    }).options.x.type;

  data = name: type: expected: {
    inherit name expected;
    expr = toData type;
  };
  only = kind: { inherit kind; };
  between = min: max: {
    kind = "intBetween";
    inherit min max;
  };
in
map sample (builtins.attrNames patterns)
++ [
  {
    name = "every kind has samples";
    expr = builtins.attrNames samples;
    expected = builtins.attrNames patterns;
  }
  {
    name = "port";
    expr = map offered.port.check [
      0
      1
      65535
      65536
      "22"
      22.0
    ];
    expected = [
      false
      true
      true
      false
      false
      false
    ];
  }
  {
    name = "a text longer than its kind can be is refused without being matched";
    expr = offered.hostname.check (lib.concatStrings (builtins.genList (_: "a") 1000000));
    expected = false;
  }
  {
    name = "declared twice, a type is itself";
    expr = toData (merged offered.ipv4 offered.ipv4);
    expected.kind = "ipv4";
  }
  {
    name = "and no other";
    expr = (builtins.tryEval (merged offered.ipv4 offered.ipv6).name).success;
    expected = false;
  }
]
++ [
  (data "str" t.str (only "string"))
  (data "int" t.int (only "int"))
  (data "bool" t.bool (only "bool"))
  (data "float" t.float (only "float"))
  (data "path" t.path (only "path"))
  (data "anything" t.anything (only "anything"))
  (data "nonEmptyStr" t.nonEmptyStr (only "nonEmptyString"))
  (data "lines" t.lines (only "string"))
  (data "ours" offered.cidr (only "cidr"))
  (data "port of nixpkgs" t.port (between 0 65535))
  (data "port of ours" offered.port (only "port"))
  (data "between" (t.ints.between (-3) 7) (between (-3) 7))
  (data "unsigned" t.ints.unsigned (between 0 null))
  (data "positive" t.ints.positive (between 1 null))
  (data "s8" t.ints.s8 (between (-128) 127))
  (data "u32" t.ints.u32 (between 0 4294967295))
  (data "enum"
    (t.enum [
      "a"
      1
      null
    ])
    {
      kind = "enum";
      values = [
        "a"
        1
        null
      ];
    }
  )
  (data "matching" (t.strMatching "[a-z]+") {
    kind = "matching";
    pattern = "[a-z]+";
  })
  (data "listOf" (t.listOf offered.ipv4) {
    kind = "listOf";
    of.kind = "ipv4";
  })
  (data "attrsOf" (t.attrsOf t.int) {
    kind = "attrsOf";
    of.kind = "int";
  })
  (data "lazyAttrsOf" (t.lazyAttrsOf t.int) {
    kind = "attrsOf";
    of.kind = "int";
  })
  (data "nullOr" (t.nullOr t.str) {
    kind = "nullOr";
    of.kind = "string";
  })
  (data "uniq" (t.uniq t.str) (only "string"))
  (data "oneOf is flat"
    (t.oneOf [
      t.int
      t.bool
      offered.ipv4
    ])
    {
      kind = "either";
      types = [
        { kind = "int"; }
        { kind = "bool"; }
        { kind = "ipv4"; }
      ];
    }
  )
  (data "submodule"
    (t.submodule {
      options.host = lib.mkOption { type = offered.hostname; };
      options.port = lib.mkOption {
        type = offered.port;
        default = 22;
      };
      options.late = lib.mkOption {
        type = t.str;
        default = throw "not to be read";
      };
    })
    {
      kind = "submodule";
      fields = {
        host = {
          type.kind = "hostname";
          required = true;
        };
        port = {
          type.kind = "port";
          required = false;
          default = 22;
        };
        late = {
          type.kind = "string";
          required = false;
        };
      };
    }
  )
]
# What only Nix can judge.
++ map
  (case: {
    name = "${case.name} is left to Nix";
    expr = (toData case.type).kind;
    expected = "nix";
  })
  [
    {
      name = "an added check";
      type = t.addCheck t.str (value: value != "x");
    }
    {
      name = "an added check on a type of ours";
      type = t.addCheck offered.port (value: value != 22);
    }
    {
      name = "nonEmptyListOf";
      type = t.nonEmptyListOf t.str;
    }
    {
      name = "package";
      type = t.package;
    }
    {
      name = "functionTo";
      type = t.functionTo t.str;
    }
    {
      name = "coercedTo";
      type = t.coercedTo t.int toString t.str;
    }
    {
      name = "a freeform submodule";
      type = t.submodule { freeformType = t.attrsOf t.int; };
    }
  ]
++ [
  {
    name = "a type that contains itself has an end";
    expr =
      let
        self = t.nullOr (t.attrsOf self) // {
          description = "a tree";
        };
        depth = data: if data ? of then 1 + depth data.of else 0;
      in
      depth (toData self) < 50;
    expected = true;
  }
]
