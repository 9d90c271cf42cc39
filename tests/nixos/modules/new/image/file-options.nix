# Newer NixOS: the names of the file that an image is.

{ config, lib, ... }:

{
  options.image = {
    baseName = lib.mkOption { type = lib.types.str; default = "nixos-image-test"; };
    extension = lib.mkOption { type = lib.types.str; };
    fileName = lib.mkOption { type = lib.types.str; default = "${config.image.baseName}.${config.image.extension}"; };
    filePath = lib.mkOption { type = lib.types.str; };
  };
}
