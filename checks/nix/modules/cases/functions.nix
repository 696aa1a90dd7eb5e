# Functions about functions, assertions, fixed points, and what the library says about itself.
{
  lib,
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
}
