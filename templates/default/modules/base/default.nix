# What all hosts have in common. Each folder of modules/ is a module of every host.
{
  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];
}
