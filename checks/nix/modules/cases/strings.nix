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
