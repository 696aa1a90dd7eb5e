# What everything else is built with: Debian packages as fixed outputs, the busybox seed, and a bare derivation runner.
#
# ./stage has put these files into the store under their hashes, so they are valid before anything is built.
# The builder below only ever runs when that is no longer true, and says what to do.
{ index, system }:
let
  notStaged = name: {
    inherit system;
    builder = "/bin/sh";
    args = [ "-c" "echo >&2 'pocket: ${name} is not in the Nix store (garbage-collected?). Run: checks/with-store checks/pocket/stage'; exit 1" ];
  };

  # The .deb of a Debian package.
  deb = name:
    let
      entry = index.debs.${name} or (throw "pocket: debs.json has no Debian package '${name}'; run checks/pocket/stage --refresh");
    in
    derivation (notStaged entry.file // {
      name = entry.file;
      outputHashMode = "flat";
      outputHashAlgo = "sha256";
      outputHash = entry.sha256;
    });

  busyboxName = "busybox-${index.busybox.version}";
  busybox =
    derivation (notStaged busyboxName // {
      name = busyboxName;
      outputHashMode = "recursive";
      outputHashAlgo = "sha256";
      outputHash = index.busybox.hash;
    })
    // { pname = "busybox"; inherit (index.busybox) version; meta.mainProgram = "busybox"; };

  # A derivation whose builder is a busybox script. It sees nothing but what `env` names.
  run = name: env: script: derivation ({
    inherit name system;
    builder = "${busybox}/bin/sh";
    args = [ "-euc" script ];
    PATH = "${busybox}/bin";
    SOURCE_DATE_EPOCH = "1";
  } // env);

  # patchelf and GNU cpio, which busybox lacks. patchelf is used here before it is patched: through its own loader.
  tools = run "pocket-tools" {
    script = ./unpack.sh;
    roots = map deb index.tools.roots;
    libs = map deb index.tools.libs;
    keep = "";
    shell = "${busybox}/bin/sh";
  } ''. "$script"; main'';

  # Debian packages as one self-contained store path.
  fromDebs = name: { roots, libs, keep ? [ ], drop ? [ ], finish ? "" }: run name {
    script = ./unpack.sh;
    roots = map deb roots;
    libs = map deb libs;
    keep = toString keep;
    drop = toString drop;
    shell = "${busybox}/bin/sh";
    inherit finish tools;
  } ''. "$script"; main'';
in
{
  inherit deb busybox run tools fromDebs system;
}
