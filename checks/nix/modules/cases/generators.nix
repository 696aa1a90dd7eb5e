# Text formats.
{ lib, ... }:
{
  json = {
    expr = lib.generators.toJSON { } {
      a = [
        1
        null
      ];
    };
    expected = ''{"a":[1,null]}'';
  };
  yaml-is-json = {
    expr = lib.generators.toYAML { } { a = "b"; };
    expected = ''{"a":"b"}'';
  };
  key-value = {
    expr = lib.generators.toKeyValue { } {
      a = 1;
      b = true;
      c = "x=y";
      "d=e" = null;
    };
    expected = "a=1\nb=true\nc=x=y\nd\\=e=null\n";
  };
  key-value-lists = {
    expr = lib.generators.toKeyValue {
      listsAsDuplicateKeys = true;
      indent = "  ";
      mkKeyValue = lib.generators.mkKeyValueDefault { } " ";
    } { Port = [ 22 2222 ]; Use = false; };
    expected = "  Port 22\n  Port 2222\n  Use false\n";
  };
  key-value-own-values = {
    expr = lib.generators.toKeyValue {
      mkKeyValue = lib.generators.mkKeyValueDefault {
        mkValueString = v: if lib.isString v then "\"${v}\"" else lib.generators.mkValueStringDefault { } v;
      } ": ";
    } { a = "x"; b = 1; };
    expected = "a: \"x\"\nb: 1\n";
  };
  ini = {
    expr = lib.generators.toINI { } {
      Service = {
        Type = "oneshot";
        Retries = 3;
      };
      "a[b]".x = false;
    };
    expected = "[Service]\nRetries=3\nType=oneshot\n\n[a\\[b\\]]\nx=false\n";
  };
  ini-lists = {
    expr = lib.generators.toINI { listsAsDuplicateKeys = true; } {
      Service.ExecStart = [
        ""
        "/bin/x"
      ];
    };
    expected = "[Service]\nExecStart=\nExecStart=/bin/x\n";
  };
  ini-list-without-saying-so = {
    expr = lib.generators.toINI { } { s.k = [ 1 ]; };
    error = [ "generators.mkValueStringDefault: lists not supported: [ 1 ]" ];
  };
  ini-with-global-section = {
    expr = lib.generators.toINIWithGlobalSection { } {
      globalSection.top = 1;
      sections.s.k = 2;
    };
    expected = "top=1\n\n[s]\nk=2\n";
  };
  ini-with-empty-global-section = {
    expr = lib.generators.toINIWithGlobalSection { } {
      globalSection = { };
      sections.s.k = 2;
    };
    expected = "[s]\nk=2\n";
  };
  git-ini = {
    expr = lib.generators.toGitINI {
      user.name = "A \"B\"";
      url."ssh://a/".insteadOf = [ "x" "y" ];
      a.b.c = true;
    };
    expected = "[a \"b\"]\n\tc = true\n\n[url \"ssh://a/\"]\n\tinsteadOf = \"x\"\n\tinsteadOf = \"y\"\n\n[user]\n\tname = \"A \\\"B\\\"\"\n";
  };
  value-of-a-derivation = {
    expr = lib.generators.mkValueStringDefault { } {
      type = "derivation";
      outPath = "/p";
    };
    expected = "/p";
  };
  value-of-a-set = {
    expr = lib.generators.mkValueStringDefault { } { a = 1; };
    error = [ "generators.mkValueStringDefault: attrsets not supported: { a = 1; }" ];
  };
  pretty = {
    expr = lib.generators.toPretty { } {
      int = 1;
      float = 1.5;
      bool = true;
      null = null;
      string = "a \"b\" \${c} \\";
      path = /a/b;
      list = [
        1
        [ ]
        { }
      ];
      fn = x: x;
      args = { a, b ? 1 }: a;
      drv = {
        type = "derivation";
        name = "p";
      };
      "odd name" = 1;
    };
    expected = ''
      {
        args = <function, args: {a, b?}>;
        bool = true;
        drv = <derivation p>;
        float = 1.5;
        fn = <function>;
        int = 1;
        list = [
          1
          [ ]
          { }
        ];
        null = null;
        "odd name" = 1;
        path = /a/b;
        string = "a \"b\" \''${c} \\";
      }'';
  };
  pretty-one-line = {
    expr = lib.generators.toPretty { multiline = false; } {
      a = [
        1
        2
      ];
      b = "x\ny";
    };
    expected = "{ a = [ 1 2 ]; b = \"x\\ny\"; }";
  };
  pretty-lines = {
    expr = map (lib.generators.toPretty { }) [
      "a\nb"
      "a\n"
      "''\n\${x}"
    ];
    expected = [
      "''\n  a\n  b''"
      "''\n  a\n''"
      "''\n  '''\n  ''\${x}''"
    ];
  };
  pretty-values = {
    expr = lib.generators.toPretty { allowPrettyValues = true; } {
      a = {
        __pretty = v: "<${v}>";
        val = "shown";
      };
    };
    expected = "{\n  a = <shown>;\n}";
  };
  pretty-indent = {
    expr = lib.generators.toPretty { indent = "    "; } { a = 1; };
    expected = "{\n      a = 1;\n    }";
  };
  with-recursion-cuts = {
    expr = lib.generators.toPretty { multiline = false; } (
      lib.generators.withRecursion {
        depthLimit = 1;
        throwOnDepthLimit = false;
      } { a.b.c = 1; d = 1; }
    );
    expected = "{ a = { b = \"<unevaluated>\"; }; d = \"<unevaluated>\"; }";
  };
  with-recursion-throws = {
    expr = lib.generators.withRecursion { depthLimit = 2; } { a.b.c.d = 1; };
    error = [ "Exceeded maximum eval-depth limit of 2 while trying to evaluate with `generators.withRecursion'!" ];
  };
}
