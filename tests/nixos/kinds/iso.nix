# A live medium, as nixpkgs' installer/cd-dvd/iso-image.nix has it, with the channel of cd-dvd/channel.nix.

{ config, lib, ... }:

{
  options.isoImage = {
    storeContents = lib.mkOption { type = lib.types.listOf lib.types.path; default = [ ]; };
    squashfsCompression = lib.mkOption { type = lib.types.nullOr lib.types.str; default = "zstd -Xcompression-level 19"; };
  };
  config = lib.mkMerge [
    {
      isoImage.storeContents = [ config.system.build.toplevel ];
      system.build.squashfsStore = { name = "nixpkgs' image"; };
      system.build.isoImage = config.system.build.squashfsStore;
    }
    (if lib.versionOlder lib.trivial.release "26.05" then {
      boot.postBootCommands = ''
        install-channel
        load-database < /nix/store/nix-path-registration
      '';
    } else {
      systemd.services.register-nix-paths = {
        unitConfig = { DefaultDependencies = false; Description = "nixpkgs' own"; };
        wantedBy = [ "sysinit.target" ];
        before = [ "sysinit.target" ];
        after = [ "local-fs.target" ];
        script = "load-database < /nix/store/nix-path-registration";
      };
      systemd.services.nix-channel-init = {
        after = [ "register-nix-paths.service" ];
        requires = [ "register-nix-paths.service" ];
        script = "install-channel";
      };
    })
  ];
}
