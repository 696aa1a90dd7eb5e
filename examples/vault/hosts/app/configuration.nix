# What it is stands in host.toml: its tag turns on the module of that name.
{
  base.enable = true;

  system.stateVersion = "26.05";
}
