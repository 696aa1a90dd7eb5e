# A laptop without a login screen is a brick to the person in front of it, however well it answers over SSH.
{
  infra.probes.login-screen = {
    unit = "display-manager.service";
    within = "1m";
    critical = true;
  };
}
