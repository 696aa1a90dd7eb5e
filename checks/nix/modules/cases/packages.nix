# Functions about packages, licences and platforms.
{ lib, ... }:
{
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
