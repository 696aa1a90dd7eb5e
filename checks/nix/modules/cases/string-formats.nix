# Functions that read strings or write them for other languages: shells, numbers, versions, search paths.
{ lib, ... }:
{
  escape-shell = {
    expr = with lib; [
      (escapeShellArg "plain-1.0/a_b:c@d%e+f,g")
      (escapeShellArg "two words")
      (escapeShellArg "it's")
      (escapeShellArg "")
      (escapeShellArg 5)
      (escapeShellArgs [
        "a"
        "b c"
        "$d"
      ])
    ];
    expected = [
      "plain-1.0/a_b:c@d%e+f,g"
      "'two words'"
      "'it'\\''s'"
      "''"
      "5"
      "a 'b c' '$d'"
    ];
  };
  shell-vars = {
    expr = lib.toShellVars {
      a = "x y";
      b = [
        "1"
        "2 3"
      ];
      c.k = "v w";
    };
    expected = "a='x y'\ndeclare -a b=(1 '2 3')\ndeclare -A c=([k]='v w')";
  };
  shell-var-with-a-bad-name = {
    expr = lib.toShellVar "a-b" "x";
    error = [ "toShellVar: a-b is not a valid shell variable name" ];
  };
  escape-others = {
    expr = with lib.strings; [
      (escape [ "(" ")" ] "f(x)")
      (escapeRegex "a.b*[c]")
      (escapeXML ''<a href="x">'&'</a>'')
      (escapeNixString ''a "b" ''${c}'')
      (map escapeNixIdentifier [
        "ok"
        "in"
        "a b"
        "1a"
        "a'-_1"
      ])
      (escapeURL "a b/ü?=~")
      (escapeC [ " " "\n" ] "a b\nc")
    ];
    expected = [
      "f\\(x\\)"
      "a\\.b\\*\\[c]"
      "&lt;a href=&quot;x&quot;&gt;&apos;&amp;&apos;&lt;/a&gt;"
      "\"a \\\"b\\\" \\\${c}\""
      [
        "ok"
        "\"in\""
        "\"a b\""
        "\"1a\""
        "a'-_1"
      ]
      "a%20b%2Fü%3F%3D~"
      "a\\x20b\\x0ac"
    ];
  };

  numbers = {
    expr = with lib; [
      (toInt "42")
      (toInt " -7 ")
      (toIntBase10 "0042")
      (toIntBase10 "000")
      (toHexString 255)
      (fromHexString "0xFf")
      (toBaseDigits 2 10)
    ];
    expected = [
      42
      (-7)
      42
      0
      "FF"
      255
      [
        1
        0
        1
        0
      ]
    ];
  };
  number-with-letters = {
    expr = lib.toInt "4x";
    error = [ ''toInt: Could not convert "4x" to int.'' ];
  };
  number-with-leading-zero = {
    expr = lib.toInt "042";
    error = [ ''toInt: Ambiguity in interpretation of "042" between octal and zero padded integer.'' ];
  };

  versions = {
    expr = with lib; [
      (versionAtLeast "1.10" "1.9")
      (versionAtLeast "1.0" "1.0")
      (versionOlder "1.0pre" "1.0")
      (versionOlder "1.0" "1.0")
      (getName "hello-2.12")
      (getVersion "hello-2.12")
      (getName {
        pname = "a";
        version = "1";
      })
      (getVersion { name = "a-2"; })
      (versions.major "1.2.3")
      (versions.minor "1.2.3")
      (versions.patch "1.2.3")
      (versions.majorMinor "1.2.3")
      (versions.pad 3 "1.2-rc")
      (splitVersion "1.2a")
    ];
    expected = [
      true
      true
      true
      false
      "hello"
      "2.12"
      "a"
      "2"
      "1"
      "2"
      "3"
      "1.2"
      "1.2.0-rc"
      [
        "1"
        "2"
        "a"
      ]
    ];
  };
  sanitize-derivation-name = {
    expr = map lib.strings.sanitizeDerivationName [
      "ok-1.0"
      "..hidden"
      "a b  c/d"
      "..."
      (lib.strings.replicate 210 "a" + "end")
    ];
    expected = [
      "ok-1.0"
      "hidden"
      "a-b-c-d"
      "unknown"
      (lib.strings.replicate 204 "a" + "end")
    ];
  };
  search-paths = {
    expr = with lib; [
      (makeBinPath [
        "/a"
        "/b"
      ])
      (makeSearchPath "share" [
        "/a"
        null
        "/b"
      ])
      (makeLibraryPath [
        {
          type = "derivation";
          out = "/out";
          lib = "/lib-output";
          outPath = "/out";
        }
      ])
    ];
    expected = [
      "/a/bin:/b/bin"
      "/a/share:/b/share"
      "/lib-output/lib"
    ];
  };
  flags = {
    expr = with lib; [
      (enableFeature true "x")
      (enableFeatureAs true "x" "1")
      (withFeature false "y")
      (withFeatureAs false "y" "1")
    ];
    expected = [
      "--enable-x"
      "--enable-x=1"
      "--without-y"
      "--without-y"
    ];
  };
}
