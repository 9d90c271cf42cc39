# A disk on which `regd-build unpack` installs a system, as that system mounts it: an example, to be changed together with
# disk.repart, the definitions from which systemd-repart(8) makes the partitions. README.md has the commands.

{ lib, ... }:

{
  fileSystems."/" = {
    device = "/dev/disk/by-partlabel/nixos";
    fsType = "ext4";
  };

  fileSystems."/boot" = {
    device = "/dev/disk/by-partlabel/ESP";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };

  boot.loader.systemd-boot.enable = lib.mkDefault true;
}
