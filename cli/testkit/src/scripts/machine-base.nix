# The system a test machine is installed with, on its hardware: a way in, and nothing else.
{
  nixpkgs.hostPlatform = "x86_64-linux";
  networking.hostName = "installed";
  services.openssh.enable = true;
  services.openssh.settings.PasswordAuthentication = false;
  # As NixOS does without being asked.
  users.users.root.hashedPassword = "*";
  system.stateVersion = "26.05";
}
