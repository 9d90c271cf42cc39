# A disk image that systemd-repart makes, as nixpkgs' image/repart.nix has it; nothing registers its paths.

{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  file.options.source = mkOption { type = types.path; };
  partition.options = {
    storePaths = mkOption { type = types.listOf types.path; default = [ ]; };
    contents = mkOption { type = types.attrsOf (types.submodule file); default = { }; };
  };
in
{
  options.image.repart.partitions = mkOption { type = types.attrsOf (types.submodule partition); default = { }; };
  config.image.repart.partitions."20-root".storePaths = [ config.system.build.toplevel ];
}
