# A virtual machine of microvm.nix, which registers in boot.postBootCommands whatever the release. Its command line is not
# that of the system, and names a manifest in the store.

{ config, lib, ... }:

let
  inherit (lib) mkIf mkOption types;
  info = "/nix/store/00000000000000000000000000000000-closure-info";
in
{
  options.microvm = {
    registerClosure = mkOption { type = types.bool; default = true; };
    kernelParams = mkOption { type = types.listOf types.str; default = [ ]; };
  };
  config = mkIf config.microvm.registerClosure {
    microvm.kernelParams = [ "regInfo=${info}/registration" ];
    boot.postBootCommands = ''
      load-database < "$regInfo"
    '';
  };
}
