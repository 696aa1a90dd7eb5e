# Anna's home. It comes along to every machine she uses, and changing it rebuilds no system.
{ pkgs, ... }:
{
  home.packages = [
    pkgs.ripgrep
    pkgs.tealdeer
  ];

  programs.git = {
    enable = true;
    settings.user.name = "Anna";
  };
  programs.fish.enable = true;

  home.stateVersion = "26.05";
}
