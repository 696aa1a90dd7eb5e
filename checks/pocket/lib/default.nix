# Our own stand-in for nixpkgs' `lib`: its names and meanings as far as this repository uses them, for machines without
# nixpkgs.  checks/nix/modules holds the cases that must come out the same with both.
let
  make =
    self:
    let
      load = file: import file { lib = self; };

      topics = {
        asserts = load ./asserts.nix;
        attrsets = load ./attrsets.nix;
        customisation = load ./customisation.nix;
        debug = load ./debug.nix;
        derivations = load ./derivations.nix;
        filesystem = load ./filesystem.nix;
        fixedPoints = load ./fixed-points.nix;
        generators = load ./generators;
        licenses = load ./licenses.nix;
        lists = load ./lists.nix;
        maintainers = { };
        teams = { };
        meta = load ./meta.nix;
        modules = load ./modules;
        options = load ./options;
        path = load ./path.nix;
        sources = load ./sources.nix;
        strings = load ./strings;
        stringsWithDeps = load ./strings-with-deps.nix;
        systems = load ./systems;
        trivial = load ./trivial.nix;
        types = load ./types;
        versions = load ./versions.nix;
      };

      # The names are data, so that looking up one function does not evaluate the files of all the others.
      direct = builtins.concatMap (
        topic:
        map (name: {
          inherit name;
          value = topics.${topic}.${name};
        }) names.${topic}
      ) (builtins.attrNames names);
      names = import ./names.nix;
    in
    builtins.listToAttrs direct
    // topics
    // {
      inherit (builtins)
        convertHash
        fromJSON
        fromTOML
        getContext
        hasContext
        hashString
        parseDrvName
        placeholder
        toFile
        toJSON
        toString
        toXML
        tryEval
        ;
      platforms = topics.systems.doubles;

      # Hashes that are well formed and never right: Nix answers with the right one.
      fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      fakeSha256 = builtins.concatStringsSep "" (builtins.genList (_: "0") 64);
      fakeSha512 = builtins.concatStringsSep "" (builtins.genList (_: "0") 128);
    };

  # `lib.extend (final: prev: { ... })`
  extensible =
    f:
    let
      self = f self // {
        extend =
          overlay:
          extensible (
            final:
            let
              prev = f final;
            in
            prev // overlay final prev
          );
      };
    in
    self;
in
extensible make
