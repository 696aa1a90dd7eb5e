{
  base.enable = true;

  microvm = {
    hypervisor = "cloud-hypervisor";
    vcpu = 2;
    mem = 1536;

    interfaces = [
      {
        type = "tap";
        id = "vm-git";
        mac = "02:00:00:14:00:03";
      }
    ];

    # The system comes from the parent's store; only what the forge keeps is the guest's own.
    shares = [
      {
        tag = "store";
        proto = "virtiofs";
        source = "/nix/store";
        mountPoint = "/nix/.ro-store";
      }
    ];
    volumes = [
      {
        image = "forgejo.img";
        mountPoint = "/var/lib/forgejo";
        size = 20480;
      }
    ];
  };

  system.stateVersion = "26.05";
}
