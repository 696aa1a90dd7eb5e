# infra.templates: files made on the host from secrets and values.
{ lib, words, ... }:
words.named {
  description = "Files rendered on the host from secrets and values, by name.";
  example = {
    db-url = {
      source = "postgres://app:{{ db-password }}@db/app";
      needs = [ "db-password" ];
      units = [ "app.service" ];
    };
  };
  options = name: _: {
    inherit (words) restartUnits reloadUnits;
    owner = words.account "user";
    group = words.account "group";
    mode = words.mode "0400";
    units = words.units "Services that read it: each gets it as a systemd credential of its name, starts after it is there, and is restarted when it changes.";

    credential = words.result name "Its name as a systemd credential: `$CREDENTIALS_DIRECTORY/<this>` in the units that consume it.";

    source = lib.mkOption {
      type = lib.types.str;
      example = "token = <infra:secret:token>";
      description = "The text, in the syntax of Jinja; or with the `placeholder` of a secret where the secret belongs.";
    };
    path = lib.mkOption {
      type = lib.types.path;
      default = "/run/infra/templates/${name}";
      defaultText = lib.literalExpression ''"/run/infra/templates/<name>"'';
      description = "Where the file is on the running host.";
    };
    needs = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "db-password" ];
      description = "The secrets and values it is made from. Those whose placeholder is in the text need not be named.";
    };
  };
}
