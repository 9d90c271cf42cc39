import ../../../new/installer/netboot/netboot.nix
