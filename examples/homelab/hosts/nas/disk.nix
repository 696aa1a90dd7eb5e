# One disk for the system, a second one for what must not be lost.
{
  disko.devices.disk = {
    system = {
      device = "/dev/disk/by-id/nvme-system";
      type = "disk";
      content = {
        type = "gpt";
        partitions = {
          boot = {
            size = "1G";
            type = "EF00";
            content = {
              type = "filesystem";
              format = "vfat";
              mountpoint = "/boot";
              mountOptions = [ "umask=0077" ];
            };
          };
          root = {
            size = "100%";
            content = {
              type = "filesystem";
              format = "ext4";
              mountpoint = "/";
            };
          };
        };
      };
    };

    data = {
      device = "/dev/disk/by-id/ata-data";
      type = "disk";
      content = {
        type = "gpt";
        partitions.srv = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "xfs";
            mountpoint = "/srv";
          };
        };
      };
    };
  };
}
