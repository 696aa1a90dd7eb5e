# Options of a unit -> its text, in nixpkgs' order of lines.
{ lib, pkgs, config }:
let
  inherit (lib) concatStringsSep mapAttrsToList optionalAttrs;

  toDirective = value: if value == true then "true" else if value == false then "false" else toString value;

  sectionText = attrs: concatStringsSep "\n" (lib.concatLists (mapAttrsToList (
    name: value: map (one: "${name}=${toDirective one}") (lib.filter (one: one != null) (if builtins.isList value then value else [ value ]))
  ) attrs));

  triggerText = values: lib.concatMapStringsSep " " toString values;

  unitSection = u:
    optionalAttrs (u.requires != [ ]) { Requires = toString u.requires; }
    // optionalAttrs (u.wants != [ ]) { Wants = toString u.wants; }
    // optionalAttrs (u.upholds != [ ]) { Upholds = toString u.upholds; }
    // optionalAttrs (u.after != [ ]) { After = toString u.after; }
    // optionalAttrs (u.before != [ ]) { Before = toString u.before; }
    // optionalAttrs (u.bindsTo != [ ]) { BindsTo = toString u.bindsTo; }
    // optionalAttrs (u.partOf != [ ]) { PartOf = toString u.partOf; }
    // optionalAttrs (u.conflicts != [ ]) { Conflicts = toString u.conflicts; }
    // optionalAttrs (u.requisite != [ ]) { Requisite = toString u.requisite; }
    // optionalAttrs (u.restartTriggers != [ ]) { X-Restart-Triggers = triggerText u.restartTriggers; }
    // optionalAttrs (u.reloadTriggers != [ ]) { X-Reload-Triggers = triggerText u.reloadTriggers; }
    // optionalAttrs (u.description != "") { Description = u.description; }
    // optionalAttrs (u.documentation != [ ]) { Documentation = toString u.documentation; }
    // optionalAttrs (u.onFailure != [ ]) { OnFailure = toString u.onFailure; }
    // optionalAttrs (u.onSuccess != [ ]) { OnSuccess = toString u.onSuccess; }
    // optionalAttrs (u.startLimitIntervalSec != null) { StartLimitIntervalSec = toString u.startLimitIntervalSec; }
    // optionalAttrs (u.startLimitBurst != null) { StartLimitBurst = toString u.startLimitBurst; }
    // u.unitConfig;

  withUnitSection = u: rest: "[Unit]\n${sectionText (unitSection u)}\n${rest}";

  section = name: attrs: "\n[${name}]\n${sectionText attrs}\n";

  # Nothing in a process' environment may break out of its quotes; `%` is systemd's own.
  environmentLine = name: value:
    let
      line = "Environment=${builtins.toJSON "${name}=${lib.replaceStrings [ "%" ] [ "%%" ] (toString value)}"}";
    in
    if builtins.stringLength line >= 2048 then throw "The value of the environment variable ‘${name}’ in systemd service is too long." else line + "\n";

  jobScript = unit: what: text: args: "${pkgs.writeTextFile {
    name = "unit-script-${lib.strings.sanitizeDerivationName "${unit}-${what}"}";
    executable = true;
    destination = "/bin/${what}";
    text = "#!${pkgs.runtimeShell} -e\n${text}\n";
    checkPhase = "${pkgs.runtimeShell} -n -O extglob \"$target\"";
  }}/bin/${what}${lib.optionalString (args != "") " ${args}"}";

  serviceText = name: u:
    let
      path = u.path ++ lib.optionals u.enableDefaultPath config.systemd.pocketDefaultPath;
      environment = config.systemd.globalEnvironment
        // optionalAttrs (path != [ ]) { PATH = "${lib.makeBinPath path}:${lib.makeSearchPath "sbin" path}"; }
        // u.environment;
      job = field: what: directive: lib.optionalString (u.${field} != "") "${directive}=${jobScript name what u.${field} (if field == "script" then u.scriptArgs else "")}\n";
      # Both ways of saying it at once would be two main processes.
      both = u.script != "" && u.serviceConfig ? ExecStart;
    in
    if both then throw "systemd.services.${name} has both `script` and `serviceConfig.ExecStart`" else
    withUnitSection u (
      "\n[Service]\n"
      + lib.concatStrings (mapAttrsToList (n: v: lib.optionalString (v != null) (environmentLine n v)) environment)
      + (if u.reloadIfChanged then "X-ReloadIfChanged=true\n" else if !u.restartIfChanged then "X-RestartIfChanged=false\n" else "")
      + lib.optionalString (!u.stopIfChanged) "X-StopIfChanged=false\n"
      + lib.optionalString u.notSocketActivated "X-NotSocketActivated=true\n"
      + job "preStart" "pre-start" "ExecStartPre"
      + job "script" "start" "ExecStart"
      + job "postStart" "post-start" "ExecStartPost"
      + job "reload" "reload" "ExecReload"
      + job "preStop" "pre-stop" "ExecStop"
      + job "postStop" "post-stop" "ExecStopPost"
      + "${sectionText u.serviceConfig}\n"
    );

  listen = key: values: lib.concatMapStrings (v: "${key}=${v}\n") values;
in
{
  services = serviceText;
  targets = _: u: withUnitSection u "";
  sockets = _: u: withUnitSection u ("\n[Socket]\n${sectionText u.socketConfig}\n" + listen "ListenStream" u.listenStreams + listen "ListenDatagram" u.listenDatagrams);
  timers = _: u: withUnitSection u (section "Timer" u.timerConfig);
  paths = _: u: withUnitSection u (section "Path" u.pathConfig);
  slices = _: u: withUnitSection u (section "Slice" u.sliceConfig);
  mounts = _: u: withUnitSection u (section "Mount" (
    { What = u.what; Where = u.where; } // optionalAttrs (u.type != "") { Type = u.type; } // optionalAttrs (u.options != "") { Options = u.options; } // u.mountConfig
  ));
}
