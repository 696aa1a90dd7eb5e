# Functions about functions, assertions, packages, paths and systems.
{
  lib,
  fixtures,
  throws,
  ...
}:
{
  trivial = {
    expr = with lib; [
      (id 1)
      (const 1 2)
      (pipe 2 [
        (x: x + 2)
        (x: x * 2)
      ])
      (flip sub 1 5)
      (boolToString true)
      (boolToYesNo false)
      (defaultTo 1 null)
      (defaultTo 1 2)
      (mapNullable (x: x + 1) null)
      (min 1 2)
      (max 1 2)
      (mod 11 10)
      (mod (-3) 2)
      (compare 1 2)
      (xor true false)
      (bitAnd 6 3)
      (bitNot 0)
      (mergeAttrs { a = 1; } { b = 2; })
      (trivial.concat [ 1 ] [ 2 ])
      (div 7 2)
    ];
    expected = [
      1
      1
      8
      4
      "true"
      "no"
      1
      2
      null
      1
      2
      1
      (-1)
      (-1)
      true
      2
      (-1)
      {
        a = 1;
        b = 2;
      }
      [
        1
        2
      ]
      3
    ];
  };
  versions-of-the-library = {
    expr = [
      (lib.hasPrefix lib.trivial.release lib.version)
      (builtins.match "[0-9]{2}\\.[0-9]{2}" lib.trivial.release != null)
      (lib.oldestSupportedReleaseIsAtLeast 1903)
    ];
    expected = [
      true
      true
      true
    ];
  };
  function-arguments = {
    expr =
      let
        f = { a, b ? 1 }: a + b;
        set = lib.setFunctionArgs (x: x.a) { a = true; };
        mirrored = lib.mirrorFunctionArgs f (x: f x * 10);
      in
      [
        (lib.functionArgs f)
        (lib.functionArgs set)
        (set { a = 5; })
        (lib.functionArgs mirrored)
        (mirrored { a = 1; })
        (lib.isFunction set)
        (lib.isFunction { })
        (lib.toFunction 5 "ignored")
        (lib.toFunction f { a = 1; })
      ];
    expected = [
      {
        a = false;
        b = true;
      }
      { a = true; }
      5
      {
        a = false;
        b = true;
      }
      20
      true
      false
      5
      2
    ];
  };
  throw-if = {
    expr = [
      (throws (lib.throwIf true "x" 1))
      (lib.throwIf false "x" 1)
      (throws (lib.throwIfNot false "x" 1))
      (lib.throwIfNot true "x" 1)
    ];
    expected = [
      true
      1
      true
      1
    ];
  };
  warn = {
    expr = lib.warn "mind the gap" (lib.warnIf true "and this" (lib.warnIf false "not this" 1));
    expected = 1;
    says = [
      "evaluation warning: mind the gap"
      "evaluation warning: and this"
    ];
  };
  trace = {
    expr = lib.traceVal 5 + lib.traceSeq { a = 1; } 1 + lib.info "note" 1;
    expected = 7;
    says = [
      "trace: 5"
      "trace: { a = 1; }"
      "trace: INFO: note"
    ];
  };
  check-list-of-enum = {
    expr = lib.checkListOfEnum "colours" [ "red" "green" ] [ "blue" ] 1;
    error = [ "colours: blue unexpected; valid ones: red, green" ];
  };
  import-data = {
    expr = [
      (lib.importJSON (fixtures + "/n.json"))
      (lib.importTOML (fixtures + "/n.toml"))
    ];
    expected = [
      { n = 5; }
      { n = 6; }
    ];
  };

  assert-msg = {
    expr =
      assert lib.assertMsg (1 > 2) "one is not greater";
      1;
    error = [ "one is not greater" ];
  };
  assert-one-of = {
    expr = lib.assertOneOf "colour" "blue" [ "red" ];
    error = [ ''colour must be one of [ "red" ], but is: "blue"'' ];
  };
  assert-each-one-of = {
    expr = lib.asserts.assertEachOneOf "colours" [ "red" "blue" ] [ "red" ];
    error = [ ''each element in colours must be one of [ "red" ], but is: [ "red" "blue" ]'' ];
  };
  check-assert-warn = {
    expr =
      lib.asserts.checkAssertWarn
        [
          {
            assertion = true;
            message = "fine";
          }
        ]
        [ "careful" ]
        1;
    expected = 1;
    says = [ "evaluation warning: careful" ];
  };
  check-assert-warn-fails = {
    expr = lib.asserts.checkAssertWarn [
      {
        assertion = false;
        message = "first";
      }
      {
        assertion = false;
        message = "second";
      }
    ] [ ] 1;
    error = [ "Failed assertions: - first - second" ];
  };
  run-tests = {
    expr = lib.runTests {
      testGood = {
        expr = 1;
        expected = 1;
      };
      testBad = {
        expr = 1;
        expected = 2;
      };
    };
    expected = [
      {
        name = "testBad";
        result = 1;
        expected = 2;
      }
    ];
  };

  fixed-points = {
    expr =
      let
        base = final: {
          a = 1;
          b = final.a + 1;
        };
        extended = lib.extends (final: prev: { a = prev.a * 10; }) base;
        ext = lib.makeExtensible base;
        both = lib.composeExtensions (final: prev: { a = prev.a + 1; }) (final: prev: { a = prev.a * 3; });
        many = lib.composeManyExtensions [
          (final: prev: { a = 5; })
          (final: prev: { c = prev.a; })
        ];
      in
      [
        (lib.fix base)
        (lib.fix extended)
        (ext.extend (final: prev: { a = 7; })).b
        (lib.fix (lib.extends both base))
        (lib.fix (lib.extends many base))
        ((lib.toExtension { z = 1; }) { } { })
        ((lib.toExtension (prev: { z = prev.a; })) { } { a = 2; })
        (lib.converge (x: x / 2) 16)
      ];
    expected = [
      {
        a = 1;
        b = 2;
      }
      {
        a = 10;
        b = 11;
      }
      8
      {
        a = 6;
        b = 7;
      }
      {
        a = 5;
        b = 6;
        c = 5;
      }
      { z = 1; }
      { z = 2; }
      0
    ];
  };
  extend-the-library = {
    expr =
      let
        mine = lib.extend (final: prev: { own = prev.concatStrings [ "a" "b" ] + toString (final.id 1); });
      in
      [
        mine.own
        (mine ? mkOption)
      ];
    expected = [
      "ab1"
      true
    ];
  };
  make-overridable = {
    expr =
      let
        f = lib.makeOverridable ({ a, b ? 2 }: { sum = a + b; });
        once = f { a = 1; };
      in
      [
        once.sum
        (once.override { b = 10; }).sum
        ((once.override { b = 10; }).override (old: { a = old.b; })).sum
        (lib.functionArgs once.override)
      ];
    expected = [
      3
      11
      20
      {
        a = false;
        b = true;
      }
    ];
  };
  call-package = {
    expr =
      let
        pkgs = {
          a = 1;
          b = 2;
        };
        made = lib.callPackageWith pkgs ({ a, b, c ? 3 }: { value = a + b + c; }) { b = 20; };
      in
      [
        made.value
        (made.override { c = 0; }).value
      ];
    expected = [
      24
      21
    ];
  };
  call-package-missing = {
    expr = (lib.callPackageWith { openssl = 1; } ({ opensl }: { }) { }).value;
    error = [
      "lib.customisation.callPackageWith: Function called without required argument \"opensl\" at "
      ", did you mean \"openssl\"?"
    ];
  };
  scope = {
    expr =
      let
        scope = lib.makeScope (extra: lib.callPackageWith ({ base = 1; } // extra)) (self: {
          a = self.callPackage ({ base }: { value = base; }) { };
          b = self.callPackage ({ a }: { value = a.value + 1; }) { };
        });
      in
      [
        scope.b.value
        (scope.overrideScope (final: prev: { a.value = 10; })).b.value
      ];
    expected = [
      2
      11
    ];
  };
  get-exe = {
    expr =
      let
        pkg = {
          type = "derivation";
          name = "hello-1";
          outPath = "/out";
          bin = "/bin-output";
          meta.mainProgram = "hi";
        };
      in
      [
        (lib.getExe pkg)
        (lib.getExe' pkg "other")
      ];
    expected = [
      "/bin-output/bin/hi"
      "/bin-output/bin/other"
    ];
  };
  get-exe-without-main-program = {
    expr = lib.getExe {
      type = "derivation";
      name = "hello-1";
      outPath = "/out";
    };
    expected = "/out/bin/hello";
    says = [ "getExe: Package hello-1 does not have the meta.mainProgram attribute." ];
  };
  get-exe-of-a-path = {
    expr = lib.getExe' { type = "derivation"; outPath = "/out"; } "bin/x";
    error = [ ''lib.meta.getExe': The second argument "bin/x" is a nested path'' ];
  };
  lazy-derivation = {
    expr =
      let
        lazy = lib.lazyDerivation {
          derivation = throw "never";
          passthru.extra = 1;
        };
      in
      [
        lazy.type
        lazy.extra
        lazy.outputs
      ];
    expected = [
      "derivation"
      1
      [ "out" ]
    ];
  };
  licences = {
    expr = map (l: [ l.spdxId l.free ]) [
      lib.licenses.mit
      lib.licenses.asl20
      lib.licenses.gpl3Plus
    ] ++ [ [ lib.licenses.mit.fullName lib.licenses.mit.shortName lib.licenses.unfree.free ] ];
    expected = [
      [
        "MIT"
        true
      ]
      [
        "Apache-2.0"
        true
      ]
      [
        "GPL-3.0-or-later"
        true
      ]
      [
        "MIT License"
        "mit"
        false
      ]
    ];
  };
  licences-are-the-same = {
    expr =
      let
        ours = (import ../../../pocket/lib).licenses;
        data = [
          "deprecated"
          "free"
          "fullName"
          "redistributable"
          "shortName"
          "spdxId"
          "url"
        ];
        cut = l: lib.filterAttrs (name: _: lib.elem name data) l;
      in
      lib.filter (name: cut ours.${name} != cut lib.licenses.${name}) (lib.attrNames ours);
    expected = [ ];
  };
  fake-hashes = {
    expr = map lib.stringLength [
      lib.fakeHash
      lib.fakeSha256
      lib.fakeSha512
    ];
    expected = [
      51
      64
      128
    ];
  };

  path-functions = {
    expr = with lib.path; [
      (append /a "b/c" == /a/b/c)
      (hasPrefix /a /a/b)
      (hasPrefix /a /ab)
      (removePrefix /a /a/b/c)
      (removePrefix /a /a)
      (subpath.isValid "a/./b")
      (subpath.isValid "../a")
      (subpath.isValid "/a")
      (subpath.normalise "./a//b/.")
      (subpath.join [
        "a"
        "./b/"
      ])
      (subpath.join [ ])
      (subpath.components "a//b")
      (splitRoot /a/b).subpath
      (hasStorePathPrefix /nix/store/0123456789abcdfghijklmnpqrsvwxyz-a/x)
      (hasStorePathPrefix /nix/store)
    ];
    expected = [
      true
      true
      false
      "./b/c"
      "./."
      true
      false
      false
      "./a/b"
      "./a/b"
      "./."
      [
        "a"
        "b"
      ]
      "./a/b"
      true
      false
    ];
  };
  path-append-upwards = {
    expr = lib.path.append /a "../b";
    error = [
      "lib.path.append: Second argument is not a valid subpath string:"
      "The given string \"../b\" contains a `..` component, which is not allowed in subpaths"
    ];
  };
  path-has-prefix-of-a-string = {
    expr = lib.path.hasPrefix "/a" /a/b;
    error = [ "lib.path.hasPrefix: First argument is of type string, but a path was expected" ];
  };
  files = {
    expr = with lib.filesystem; [
      (map (p: lib.removePrefix (toString fixtures) (toString p)) (listFilesRecursive (fixtures + "/tree")))
      (pathType (fixtures + "/tree"))
      (pathIsDirectory (fixtures + "/tree"))
      (pathIsRegularFile (fixtures + "/n.json"))
      (pathIsDirectory (fixtures + "/missing"))
    ];
    expected = [
      [
        "/tree/below/two.txt"
        "/tree/one.txt"
      ]
      "directory"
      true
      true
      false
    ];
  };
  source-filters = {
    expr = map (f: lib.cleanSourceFilter f.path f.type) [
      {
        path = "/r/.git";
        type = "directory";
      }
      {
        path = "/r/main.nix";
        type = "regular";
      }
      {
        path = "/r/main.nix~";
        type = "regular";
      }
      {
        path = "/r/result";
        type = "symlink";
      }
      {
        path = "/r/.main.nix.swp";
        type = "regular";
      }
      {
        path = "/r/socket";
        type = "unknown";
      }
    ];
    expected = [
      false
      true
      false
      false
      false
      false
    ];
  };
  source-filters-combine = {
    expr =
      let
        src = lib.cleanSourceWith {
          src = lib.cleanSource fixtures;
          filter = path: _: lib.hasSuffix ".nix" path;
          name = "mine";
        };
        keeps = name: src.filter (toString fixtures + "/${name}") "regular";
      in
      [
        (keeps "sets-n.nix")
        (keeps "n.json")
        (keeps ".git")
        src.name
      ];
    expected = [
      true
      false
      false
      "mine"
    ];
  };
  systems = {
    expr =
      let
        facts = system: {
          inherit (lib.systems.elaborate system)
            system
            config
            isLinux
            isDarwin
            isx86_64
            isAarch64
            is64bit
            linuxArch
            ;
        };
      in
      [
        (facts "x86_64-linux")
        (facts "aarch64-linux")
        (lib.elem "x86_64-linux" lib.systems.flakeExposed)
        (lib.elem "aarch64-linux" lib.platforms.linux)
        (lib.elem "aarch64-darwin" lib.platforms.linux)
      ];
    expected = [
      {
        system = "x86_64-linux";
        config = "x86_64-unknown-linux-gnu";
        isLinux = true;
        isDarwin = false;
        isx86_64 = true;
        isAarch64 = false;
        is64bit = true;
        linuxArch = "x86_64";
      }
      {
        system = "aarch64-linux";
        config = "aarch64-unknown-linux-gnu";
        isLinux = true;
        isDarwin = false;
        isx86_64 = false;
        isAarch64 = true;
        is64bit = true;
        linuxArch = "arm64";
      }
      true
      true
      false
    ];
  };
  systems-are-the-same = {
    expr =
      let
        ours = (import ../../../pocket/lib).systems;
        facts = system: l: lib.filterAttrs (name: v: lib.isBool v || lib.isString v) (l.elaborate system);
        known = lib.attrNames (facts "x86_64-linux" ours);
      in
      lib.filter (system: lib.getAttrs known (facts system lib.systems) != facts system ours) ours.flakeExposed;
    expected = [ ];
  };
  flake-exposed = {
    expr = (import ../../../pocket/lib).systems.flakeExposed == lib.systems.flakeExposed;
    expected = true;
  };
}
