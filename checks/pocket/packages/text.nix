# Text in the store: nixpkgs' writers, by the same names and arguments.
{ lib, pkgs, bootstrap }:
let
  inherit (lib) optionalString;
  shell = pkgs.runtimeShell;

  # These are what a changed configuration rebuilds, so they start busybox or bash and nothing else.
  writeTextFile =
    { name ? null
    , text
    , executable ? false
    , destination ? ""
    , checkPhase ? ""
    , meta ? { }
    , passthru ? { }
    , pname ? null
    , version ? null
    , ...
    }:
    let
      fullName = if name != null then name else "${pname}-${version}";
      drv = derivation ({
        name = fullName;
        inherit (bootstrap) system;
        inherit text;
        passAsFile = [ "text" ];
        PATH = "${bootstrap.busybox}/bin";
        builder = if checkPhase == "" then "${bootstrap.busybox}/bin/sh" else shell;
        args = [
          "-euc"
          ''
            target=$out${lib.escapeShellArg destination}
            mkdir -p "$(dirname "$target")"
            cp "$textPath" "$target"
            ${optionalString executable ''chmod +x "$target"''}
            ${checkPhase}
          ''
        ];
      });
    in
    drv // passthru // { inherit meta text; };

  # A syntax error stops the build, where the mistake was made.
  shellSyntax = ''${shell} -n -O extglob "$target"'';

  writeShellApplication =
    { name
    , text
    , runtimeInputs ? [ ]
    , runtimeEnv ? null
    , meta ? { }
    , passthru ? { }
    , checkPhase ? null
    , excludeShellChecks ? [ ] # accepted for nixpkgs' sake: pocket has no shellcheck
    , extraShellCheckFlags ? [ ]
    , bashOptions ? [ "errexit" "nounset" "pipefail" ]
    , inheritPath ? true
    , derivationArgs ? { }
    }:
    writeTextFile {
      inherit name passthru;
      meta = { mainProgram = name; } // meta;
      executable = true;
      destination = "/bin/${name}";
      text = ''
        #!${shell}
        ${lib.concatMapStringsSep "\n" (option: "set -o ${option}") bashOptions}
      '' + optionalString (runtimeEnv != null) (lib.concatStrings (lib.mapAttrsToList (key: value: "export ${key}=${lib.escapeShellArg (toString value)}\n") runtimeEnv))
      + optionalString (runtimeInputs != [ ] || !inheritPath) ''

        export PATH="${lib.makeBinPath runtimeInputs}${optionalString inheritPath ":$PATH"}"
      '' + ''

        ${text}
      '';
      checkPhase = if checkPhase == null then shellSyntax else checkPhase;
    };
in
{
  inherit writeTextFile writeShellApplication;

  # writeTextDir with a name of its own: a unit's name may hold characters that a store path cannot.
  writeTextDir' = name: path: text: writeTextFile { inherit name text; destination = "/${path}"; };

  writeText = name: text: writeTextFile { inherit name text; };
  writeTextDir = path: text: writeTextFile { name = baseNameOf path; destination = "/${path}"; inherit text; };
  writeScript = name: text: writeTextFile { inherit name text; executable = true; };
  writeScriptBin = name: text: writeTextFile { inherit name text; executable = true; destination = "/bin/${name}"; meta.mainProgram = name; };
  writeShellScript = name: text: writeTextFile { inherit name; executable = true; text = "#!${shell}\n${text}\n"; checkPhase = shellSyntax; };
  writeShellScriptBin = name: text: writeTextFile {
    inherit name;
    executable = true;
    destination = "/bin/${name}";
    text = "#!${shell}\n${text}\n";
    checkPhase = shellSyntax;
    meta.mainProgram = name;
  };
  concatText = name: files: pkgs.runCommand name { inherit files; } "cat $files > $out";
  concatTextFile = { name, files, executable ? false, destination ? "" }: pkgs.runCommand name { inherit files; } ''
    mkdir -p "$(dirname "$out${destination}")"
    cat $files > "$out${destination}"
    ${optionalString executable ''chmod +x "$out${destination}"''}
  '';
}
