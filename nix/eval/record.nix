# What the CLI learns of a host's system: enough to build, copy and activate it without another question.
#
# The paths are strings without context, and the attributes are called `drv` and `out`: an attribute named `outPath` would make
# `builtins.toJSON` replace the whole set by it. Asking for `drv` writes the derivation to the store, so the CLI can build it next.
{ schema }:
host: toplevel: {
  inherit schema;
  inherit (host) class system;
  host = host.name;
  toplevel = {
    drv = builtins.unsafeDiscardStringContext toplevel.drvPath;
    out = builtins.unsafeDiscardStringContext toplevel.outPath;
  };
}
