# What a person reads when their repository is wrong: the thing (`title`), the place (`where`), the fix, and a stable `code`.
#
# Problems are data until the last moment, so all of them can be reported at once and tests can compare them without a throw.
# The codes are those of the CLI (`nix/docs/wire.md`), which parses this text back into the same four parts.
{ lib }:
let
  line = label: text: lib.optionalString (text != null) "\n  ${label}: ${text}";

  render =
    {
      code,
      title,
      where,
      fix,
      cause ? null,
    }:
    "infra: ${title}" + line "cause" cause + line "where" where + line "fix" fix + line "code" code;

  raise = problems: throw (lib.concatMapStringsSep "\n" render problems);
in
{
  inherit render raise;

  # The value, unless there are problems.
  unless = problems: value: if problems == [ ] then value else raise problems;
}
