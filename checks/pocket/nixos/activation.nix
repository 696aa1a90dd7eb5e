# `system.activationScripts`: the snippets that make the machine's state match the system, in order of their dependencies.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.system;

  withHeader = lib.mapAttrs (name: snippet: snippet // {
    text = ''
      #### Activation script snippet ${name}:
      _localstatus=0
      ${snippet.text}

      if (( _localstatus > 0 )); then
        printf "Activation script snippet '%s' failed (%s)\n" "${name}" "$_localstatus" >&2
        _status=1
      fi
    '';
  });

  # A snippet that cannot tell what it would do is left out of a dry run, but the order it stands for stays.
  dryOnly = lib.mapAttrs (_: snippet: if snippet.supportsDryActivation then snippet else snippet // { text = ""; });

  # As in nixpkgs: one failed command is reported with its snippet, and the rest still runs.
  script = dry: set: ''
    #!${pkgs.runtimeShell}
    systemConfig='@out@'
    export PATH=${lib.makeBinPath [ pkgs.busybox pkgs.bash ]}
    export LC_ALL=C
    ${lib.optionalString dry "export NIXOS_ACTION=dry-activate"}

    _status=0
    trap "_status=1 _localstatus=\$?" ERR
    umask 0022

    ${lib.textClosureMap lib.id (withHeader set) (lib.attrNames set)}

    ${lib.optionalString (!dry) ''
      # The link that says what runs is the last thing to change.
      ln -sfn "$systemConfig" /run/current-system.new && mv -fT /run/current-system.new /run/current-system
    ''}
    exit $_status
  '';

  snippet = {
    deps = mkOption { type = types.listOf types.str; default = [ ]; description = "Snippets that run before this one."; };
    text = mkOption { type = types.lines; description = "Shell commands."; };
    supportsDryActivation = mkOption {
      type = types.bool;
      default = false;
      description = "Whether it also runs with `NIXOS_ACTION=dry-activate`, changing nothing.";
    };
  };

  write = name: text: pkgs.writeTextFile { inherit name text; checkPhase = ''${pkgs.runtimeShell} -n -O extglob "$target"''; };
in
{
  options.system = {
    activationScripts = mkOption {
      type = types.attrsOf (types.coercedTo types.str lib.noDepEntry (types.submodule { options = snippet; }));
      default = { };
      example = { "stamp" = { deps = [ "etc" ]; text = "date > /run/activated"; }; };
      description = "Shell snippets that are run whenever the system is switched to or booted. Each must be safe to run again.";
    };
    build = mkOption {
      type = types.submodule { freeformType = types.lazyAttrsOf types.unspecified; };
      default = { };
      description = "What can be built from this configuration; `toplevel` above all.";
    };
  };

  config.system = {
    build.activationScript = write "activate" (script false cfg.activationScripts);
    build.dryActivationScript = write "dry-activate" (script true (dryOnly cfg.activationScripts));

    activationScripts = {
      # Only what is missing: a machine that is already up has all of it.
      specialfs = ''
        # Folders that everything else relies on
        mkdir -p /etc /run /tmp /var/lib/nixos /var/empty /root
        chmod 1777 /tmp
        chmod 0555 /var/empty 2>/dev/null || true
      '';
      binsh = {
        deps = [ "specialfs" ];
        text = ''
          # The two programs scripts call by path. A machine with its own keeps them.
          mkdir -p /bin /usr/bin
          if [ ! -e /bin/sh ]; then ln -sfn ${pkgs.bash}/bin/sh /bin/sh; fi
          if [ ! -e /usr/bin/env ]; then ln -sfn ${pkgs.busybox}/bin/env /usr/bin/env; fi
        '';
      };
    };
  };
}
