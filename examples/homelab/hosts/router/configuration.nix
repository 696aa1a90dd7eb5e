{
  base.enable = true;

  networking.interfaces.lan.ipv4.addresses = [
    {
      address = "10.20.0.1";
      prefixLength = 24;
    }
  ];

  system.stateVersion = "26.05";
}
