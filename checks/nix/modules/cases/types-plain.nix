# Types of values without parts: what they take, how they merge, what they are called.
{
  lib,
  types,
  merge,
  accepts,
  ...
}:
let
  # value -> whether the type takes it, for a list of values
  taken = type: map (accepts type);
in
{
  bool = {
    expr = taken types.bool [
      true
      1
      "true"
      null
    ];
    expected = [
      true
      false
      false
      false
    ];
  };
  bool-conflict = {
    expr = merge types.bool [
      true
      false
    ];
    error = [
      "The option `x' has conflicting definition values:"
      "- In `d1.nix': true"
      "- In `d2.nix': false"
    ];
  };
  bool-by-or = {
    expr = [
      (merge types.boolByOr [
        false
        true
        false
      ])
      (merge types.boolByOr [
        false
        false
      ])
    ];
    expected = [
      true
      false
    ];
  };
  int = {
    expr = taken types.int [
      0
      (-1)
      1.0
      "1"
    ];
    expected = [
      true
      true
      false
      false
    ];
  };
  ints-u8 = {
    expr = taken types.ints.u8 [
      (-1)
      0
      255
      256
    ];
    expected = [
      false
      true
      true
      false
    ];
  };
  ints-s8 = {
    expr = taken types.ints.s8 [
      (-129)
      (-128)
      127
      128
    ];
    expected = [
      false
      true
      true
      false
    ];
  };
  ints-u32-s16-s32 = {
    expr = [
      (accepts types.ints.u32 4294967295)
      (accepts types.ints.u32 4294967296)
      (accepts types.ints.s16 (-32768))
      (accepts types.ints.s16 32768)
      (accepts types.ints.s32 2147483647)
      (accepts types.ints.s32 2147483648)
    ];
    expected = [
      true
      false
      true
      false
      true
      false
    ];
  };
  ints-unsigned-positive = {
    expr = [
      (accepts types.ints.unsigned 0)
      (accepts types.ints.unsigned (-1))
      (accepts types.ints.positive 1)
      (accepts types.ints.positive 0)
    ];
    expected = [
      true
      false
      true
      false
    ];
  };
  ints-between = {
    expr = taken (types.ints.between 3 5) [
      2
      3
      5
      6
    ];
    expected = [
      false
      true
      true
      false
    ];
  };
  ints-between-wrong-way-round = {
    expr = (types.ints.between 5 3).name;
    error = [ "ints.between: lowest must be smaller than highest" ];
  };
  port-wrong = {
    expr = merge types.port [ 70000 ];
    error = [
      "A definition for option `x' is not of type `16 bit unsigned integer; between 0 and 65535 (both inclusive)'. Definition values:"
      "- In `d1.nix': 70000"
    ];
  };
  float-and-number = {
    expr = [
      (accepts types.float 1.5)
      (accepts types.float 1)
      (accepts types.number 1)
      (accepts types.number 1.5)
      (accepts types.number "1")
      (accepts types.numbers.positive 0.1)
      (accepts types.numbers.positive 0)
      (accepts types.numbers.nonnegative 0)
      (accepts (types.numbers.between 0 1) 0.5)
      (accepts (types.numbers.between 0 1) 2)
    ];
    expected = [
      true
      false
      true
      true
      false
      true
      false
      true
      true
      false
    ];
  };
  lua-inline = {
    expr = taken types.luaInline [
      (lib.mkLuaInline "x")
      "x"
    ];
    expected = [
      true
      false
    ];
  };

  names = {
    expr = map (t: t.name) (
      with types;
      [
        bool
        boolByOr
        int
        ints.u8
        ints.positive
        (ints.between 1 2)
        port
        float
        number
        str
        nonEmptyStr
        singleLineStr
        lines
        path
        package
        raw
        anything
        unspecified
        attrs
        (strMatching "a")
        (passwdEntry str)
        optionType
        deferredModule
        pkgs
      ]
    );
    expected = [
      "bool"
      "boolByOr"
      "int"
      "unsignedInt8"
      "positiveInt"
      "intBetween"
      "unsignedInt16"
      "float"
      "either"
      "str"
      "nonEmptyStr"
      "singleLineStr"
      "separatedString"
      "path"
      "package"
      "raw"
      "anything"
      "unspecified"
      "attrs"
      "strMatching \"a\""
      "passwdEntry str"
      "optionType"
      "deferredModule"
      "pkgs"
    ];
  };
  descriptions = {
    expr = map (t: t.description) (
      with types;
      [
        bool
        int
        ints.s16
        ints.unsigned
        (numbers.between 1.5 2)
        number
        nonEmptyStr
        lines
        path
        pathInStore
        externalPath
        package
        (passwdEntry str)
        singleLineStr
      ]
    );
    expected = [
      "boolean"
      "signed integer"
      "16 bit signed integer; between -32768 and 32767 (both inclusive)"
      "unsigned integer, meaning >=0"
      "integer or floating point number between 1.5 and 2 (both inclusive)"
      "signed integer or floating point number"
      "non-empty string"
      "strings concatenated with \"\\n\""
      "absolute path"
      "path in the Nix store"
      "absolute path not in the Nix store"
      "package"
      "string, not containing newlines or colons"
      "(optionally newline-terminated) single-line string"
    ];
  };
}
