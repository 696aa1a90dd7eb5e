# Functions of strings.
{ lib, ... }:
{
  concat = {
    expr = with lib; [
      (concatStrings [
        "a"
        "b"
      ])
      (concatStringsSep "-" [
        "a"
        "b"
      ])
      (concatMapStrings (x: "<${x}>") [
        "a"
        "b"
      ])
      (concatMapStringsSep "," toUpper [
        "a"
        "b"
      ])
      (concatImapStringsSep "," (n: x: "${toString n}${x}") [
        "a"
        "b"
      ])
      (concatMapAttrsStringSep ";" (n: v: "${n}=${v}") {
        b = "2";
        a = "1";
      })
      (concatLines [
        "a"
        "b"
      ])
      (concatLines [ ])
      (join "/" [
        "a"
        "b"
      ])
    ];
    expected = [
      "ab"
      "a-b"
      "<a><b>"
      "A,B"
      "1a,2b"
      "a=1;b=2"
      "a\nb\n"
      ""
      "a/b"
    ];
  };
  intersperse = {
    expr = [
      (lib.intersperse "," [
        "a"
        "b"
        "c"
      ])
      (lib.intersperse "," [ "a" ])
    ];
    expected = [
      [
        "a"
        ","
        "b"
        ","
        "c"
      ]
      [ "a" ]
    ];
  };
  optional-string = {
    expr = lib.optionalString true "a" + lib.optionalString false "b";
    expected = "a";
  };
  prefixes-and-suffixes = {
    expr = with lib; [
      (hasPrefix "ab" "abc")
      (hasPrefix "b" "abc")
      (hasSuffix "bc" "abc")
      (hasSuffix "abcd" "abc")
      (hasInfix "b" "abc")
      (hasInfix ".*" "abc")
      (hasInfix "\n" "a\nb")
      (removePrefix "a" "abc")
      (removePrefix "b" "abc")
      (removeSuffix "c" "abc")
      (removeSuffix "x" "abc")
    ];
    expected = [
      true
      false
      true
      false
      true
      false
      true
      "bc"
      "abc"
      "ab"
      "abc"
    ];
  };
  split = {
    expr = [
      (lib.splitString "." "a.b..c")
      (lib.splitString "::" "a::b")
      (lib.splitString "x" "")
      (lib.stringToCharacters "abc")
      (lib.splitStringBy (_: c: c == "-") false "a-b-c")
      (lib.splitStringBy (p: c: p == "a" && c == "b") true "abab")
    ];
    expected = [
      [
        "a"
        "b"
        ""
        "c"
      ]
      [
        "a"
        "b"
      ]
      [ "" ]
      [
        "a"
        "b"
        "c"
      ]
      [
        "a"
        "b"
        "c"
      ]
      [
        "a"
        "ba"
        "b"
      ]
    ];
  };
  trim = {
    expr = [
      (lib.trim "  a b \n")
      (lib.trim " \t\n")
      (lib.trimWith { start = true; } " a ")
      (lib.trimWith { end = true; } " a ")
      (lib.trimWith { } " a ")
    ];
    expected = [
      "a b"
      ""
      "a "
      " a"
      " a "
    ];
  };
  cases = {
    expr = with lib; [
      (toUpper "aBc-1")
      (toLower "aBc-1")
      (toSentenceCase "hELLO world")
      (toCamelCase "hello-big_world")
      (toCamelCase "HelloWorld")
    ];
    expected = [
      "ABC-1"
      "abc-1"
      "Hello world"
      "helloBigWorld"
      "helloWorld"
    ];
  };
  replace = {
    expr = [
      (lib.replaceStrings [ "a" "b" ] [ "b" "c" ] "ab")
      (lib.replaceString "." "-" "a.b.c")
      (lib.stringAsChars (c: if c == "a" then "i" else c) "banana")
      (lib.strings.replicate 3 "ab")
    ];
    expected = [
      "bc"
      "a-b-c"
      "binini"
      "ababab"
    ];
  };
  fixed-width = {
    expr = [
      (lib.fixedWidthString 5 "0" "42")
      (lib.fixedWidthNumber 3 7)
      (lib.fixedWidthString 2 "x" "ab")
    ];
    expected = [
      "00042"
      "007"
      "ab"
    ];
  };
  fixed-width-too-long = {
    expr = lib.fixedWidthString 1 "0" "42";
    error = [ "fixedWidthString: requested string length (1) must not be shorter than actual length (2)" ];
  };

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
  predicates = {
    expr = with lib; [
      (isStringLike "a")
      (isStringLike ./strings.nix)
      (isStringLike { outPath = "/a"; })
      (isStringLike 1)
      (strings.isConvertibleWithToString [
        1
        "a"
        null
      ])
      (strings.isConvertibleWithToString [ { } ])
      (isStorePath "/nix/store/d945ibfx9x185xf04b890y4f9g3cbb63-python-2.7.11")
      (isStorePath "/nix/store/d945ibfx9x185xf04b890y4f9g3cbb63-python-2.7.11/bin/python")
      (isStorePath [ ])
      (isValidPosixName "a_1")
      (isValidPosixName "1a")
      (isString "")
    ];
    expected = [
      true
      true
      true
      false
      true
      false
      true
      false
      false
      true
      false
      true
    ];
  };
  distance = {
    expr = with lib.strings; [
      (levenshtein "kitten" "sitting")
      (levenshtein "" "abc")
      (levenshtein "same" "same")
      (map (k: levenshteinAtMost k "kitten" "sitting") [
        0
        1
        2
        3
      ])
      (levenshteinAtMost 2 "enable" "enabel")
      (commonPrefixLength "abcd" "abxd")
      (commonSuffixLength "abcd" "xbcd")
    ];
    expected = [
      3
      3
      0
      [
        false
        false
        false
        true
      ]
      true
      2
      3
    ];
  };
  name-from-url = {
    expr = lib.nameFromURL "https://example.org/files/nix-1.7-x86.tar.bz2" "-";
    expected = "nix";
  };
  file-contents = {
    expr = lib.fileContents ./fixtures/tree/one.txt;
    expected = "one";
  };
}
