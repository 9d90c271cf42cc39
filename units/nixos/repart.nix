# To be imported beside nixpkgs' image/repart.nix, which registers nothing: the partition with the store gets a manifest of
# its paths, and regd registers it at boot.

{ config, lib, pkgs, ... }:

let
  inherit (lib) mkDefault mkOption types;
  cfg = config.services.regd.repart;
  image = import ./image.nix {
    inherit lib pkgs;
    inherit (config.services.regd) buildPackage;
  };
in
{
  imports = [ ./registration.nix ];

  options.services.regd.repart = {
    partition = mkOption {
      type = types.str;
      example = "20-root";
      description = "The attribute of image.repart.partitions whose storePaths the manifest lists.";
    };

    manifest = mkOption {
      type = types.str;
      default = "/nix-path-registration";
      description = "Where the partition has the manifest. If the partition is not mounted at /, set services.regd.manifests too.";
    };
  };

  config = {
    services.regd.enable = mkDefault true;

    image.repart.partitions.${cfg.partition}.contents.${cfg.manifest}.source =
      image.make "nix-path-registration" config.image.repart.partitions.${cfg.partition}.storePaths ''
        regd-build manifest --quiet --store-dir ${builtins.storeDir} --graph "$graph" > "$out"
      '';
  };
}
