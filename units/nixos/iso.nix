# To be imported beside nixpkgs' installer/cd-dvd/iso-image.nix: its store image is made by regd-build, and registered at boot
# by regd. The options isoImage.storeContents and isoImage.squashfsCompression mean what they mean there.

{ config, lib, pkgs, ... }:

let
  image = import ./image.nix {
    inherit lib pkgs;
    inherit (config.services.regd) buildPackage;
    inherit (config.isoImage) squashfsCompression;
    option = "isoImage.squashfsCompression";
  };
in
{
  imports = [ ./registration.nix ];

  config = {
    services.regd.enable = lib.mkDefault true;

    system.build.squashfsStore = lib.mkForce (image.make "nix-store.squashfs" config.isoImage.storeContents ''
      regd-build squashfs --quiet --store-dir ${builtins.storeDir} --compression ${image.compression} \
        --jobs "$NIX_BUILD_CORES" --graph "$graph" -o "$out"
    '');
  };
}
