# The options of units, by kind: nixpkgs' names, types and defaults.
{ lib, optionTypes }:
let
  inherit (lib) mkOption types;
  inherit (optionTypes) section;

  units = description: mkOption { type = types.listOf types.str; default = [ ]; inherit description; };
  sectionOption = name: mkOption { type = section; default = { }; description = "Directives of the `[${name}]` section."; };
  flag = default: description: mkOption { type = types.bool; inherit default description; };
  lines = description: mkOption { type = types.lines; default = ""; inherit description; };
  strings = description: mkOption { type = types.listOf types.str; default = [ ]; inherit description; };

  # What nixpkgs accepts as restart trigger: anything with a store path or text.
  triggers = description: mkOption { type = types.listOf types.unspecified; default = [ ]; inherit description; };

  shared = {
    enable = flag true "Whether the unit exists. When false it is masked: it cannot be started at all.";
    overrideStrategy = mkOption {
      type = types.enum [ "asDropinIfExists" "asDropin" ];
      default = "asDropinIfExists";
      description = "Whether this is a drop-in for a unit that systemd or a package brings, if there is one (or in any case).";
    };
    requiredBy = units "Units that require this one, and start it.";
    upheldBy = units "Units that keep this one running.";
    wantedBy = units "Units that want this one, and start it.";
    aliases = units "Other names of this unit.";
  };

  common = shared // {
    description = mkOption { type = types.singleLineStr; default = ""; description = "What the unit is, in a few words."; };
    documentation = strings "Where to read about it.";
    requires = units "Units started with this one; when one of them fails or stops, so does this.";
    wants = units "Units started with this one.";
    upholds = units "Units kept running while this one runs.";
    after = units "Units this one starts after.";
    before = units "Units this one starts before.";
    bindsTo = units "Like `requires`, and it stops when one of them goes away for any reason.";
    partOf = units "Units whose stop or restart is also this one's.";
    conflicts = units "Units that cannot run beside this one.";
    requisite = units "Units that must already run.";
    onFailure = units "Units started when this one fails.";
    onSuccess = units "Units started when this one ends well.";
    unitConfig = sectionOption "Unit";
    startLimitBurst = mkOption { type = types.nullOr types.int; default = null; description = "How many starts are allowed within the interval."; };
    startLimitIntervalSec = mkOption { type = types.nullOr types.int; default = null; description = "The interval of `startLimitBurst`, in seconds."; };
    restartTriggers = triggers "Values whose change restarts the unit.";
    reloadTriggers = triggers "Values whose change reloads the unit.";
  };

  reactions = {
    restartIfChanged = flag true "Whether a changed unit is restarted when the system is switched.";
    reloadIfChanged = flag false "Whether a changed unit is reloaded instead of restarted.";
    stopIfChanged = flag true "Whether a changed unit is stopped before activation and started after it, rather than restarted after it.";
    notSocketActivated = flag false "Whether a changed unit is restarted as such though a socket of its name exists.";
  };

  service = common // reactions // {
    environment = mkOption {
      type = types.attrsOf (types.nullOr (types.oneOf [ types.str types.path types.package ]));
      default = { };
      description = "Environment variables.";
    };
    path = mkOption { type = types.listOf (types.oneOf [ types.package types.str ]); default = [ ]; description = "Packages in the unit's `PATH`."; };
    enableDefaultPath = flag true "Whether `PATH` also has the usual tools.";
    serviceConfig = sectionOption "Service";
    script = lines "Shell commands that are the main process (`ExecStart`).";
    scriptArgs = mkOption { type = types.str; default = ""; description = "Arguments of `script`."; };
    preStart = lines "Shell commands before the main process starts.";
    postStart = lines "Shell commands after it has started.";
    reload = lines "Shell commands that reload it.";
    preStop = lines "Shell commands that stop it.";
    postStop = lines "Shell commands after it has stopped.";
    enableStrictShellChecks = flag false "Accepted for nixpkgs' sake: pocket has no shellcheck. Syntax is always checked.";
    startAt = mkOption {
      type = types.either types.str (types.listOf types.str);
      default = [ ];
      apply = lib.toList;
      description = "Calendar times (`systemd.time`) at which the service is started.";
    };
  };

  ofType = options: [ { inherit options; } ];
in
{
  services = ofType service;
  targets = ofType common;
  sockets = ofType (common // {
    listenStreams = strings "Stream sockets to listen on.";
    listenDatagrams = strings "Datagram sockets to listen on.";
    socketConfig = sectionOption "Socket";
  });
  timers = ofType (common // { timerConfig = sectionOption "Timer"; });
  paths = ofType (common // { pathConfig = sectionOption "Path"; });
  slices = ofType (common // { sliceConfig = sectionOption "Slice"; });
  mounts = ofType (common // {
    what = mkOption { type = types.str; description = "What is mounted."; };
    where = mkOption { type = types.str; description = "Where."; };
    type = mkOption { type = types.str; default = ""; description = "The file system type."; };
    options = mkOption { type = types.commas; default = ""; description = "Mount options."; };
    mountConfig = sectionOption "Mount";
  });
  inherit shared;
}
