# infra.probes: what must hold on the running host for a deployment to count.
{ lib, types, words, ... }:
let
  inherit (lib) mkOption;
  t = lib.types;

  test = type: example: description: words.orNull type { inherit example description; };

  probe.options = {
    unit = test t.str "web.service" "This unit is active.";
    port = test types.port 443 "Something listens on this TCP port of the host.";
    http = test t.str "http://localhost/health" "This URL answers with a success, asked for on the host.";
    command = test t.str "systemctl is-system-running" "This shell command ends with 0 on the host.";
    file = test t.str "/run/web/ready" "This file exists on the host.";
    reachableFrom = test t.str "router" "The host answers when this other host asks.";

    within = words.duration {
      default = "30s";
      description = "How long it may take to hold.";
    };
    every = words.duration {
      default = "1s";
      description = "How often it is tried.";
    };
    successes = mkOption {
      type = t.ints.positive;
      default = 1;
      description = "How often in a row it must hold.";
    };
    critical = mkOption {
      type = t.bool;
      default = true;
      description = "Whether the deployment is undone if it does not hold.";
    };
  };
in
mkOption {
  type = t.submodule {
    freeformType = t.attrsOf (t.submodule probe);
    options.enable = mkOption {
      type = t.bool;
      default = true;
      description = "`false`: this host is deployed without being tried, on purpose.";
    };
  };
  default = { };
  example = {
    site = {
      http = "http://localhost/";
      within = "1m";
    };
  };
  description = "Probes of this host, by name. Each says exactly one thing that must hold.";
}
