# Where nixpkgs has the module that units/nixos/module.nix takes the place of: nothing of it may be used.

{ lib, ... }:

{
  options.netboot.storeContents = lib.mkOption { default = throw "nixpkgs' module is used"; };
  config = throw "nixpkgs' module is used";
}
