# nixos.nix: a NixOS system as seen by units/nixos/module.nix: the options that others declare, a small toplevel, and nixpkgs'
# own netboot module, which has to be disabled.
#
# busybox        a static one
# isNew          with what NixOS has had since 24.05: overlay, an initrd with systemd, image
# configuration  a module, or a list of them

{ busybox, isNew ? true, configuration ? { } }:

let
  lib = import ./lib.nix;
  pkgs = import ./pkgs.nix { };
  inherit (lib) mkOption types;
  modulesPath = toString (if isNew then ./modules/new else ./modules/old);
  text = default: mkOption { type = types.str; inherit default; };
  list = mkOption { type = types.listOf types.raw; default = [ ]; };

  fileSystem = {
    options = {
      fsType = text "auto";
      device = mkOption { type = types.nullOr types.str; default = null; };
      options = mkOption { type = types.listOf types.str; default = [ ]; };
      neededForBoot = mkOption { type = types.bool; default = false; };
      depends = mkOption { type = types.listOf types.str; default = [ ]; };
    } // lib.optionalAttrs isNew {
      overlay = {
        lowerdir = mkOption { type = types.nullOr (types.listOf types.str); default = null; };
        upperdir = mkOption { type = types.nullOr types.str; default = null; };
        workdir = mkOption { type = types.nullOr types.str; default = null; };
      };
    };
  };

  service.options = {
    wantedBy = list;
    restartIfChanged = mkOption { type = types.bool; default = true; };
    serviceConfig = mkOption { type = types.attrsOf types.raw; default = { }; };
  };

  base = { config, ... }: {
    options = {
      assertions = list;
      boot = {
        loader.grub.enable = mkOption { type = types.bool; default = true; };
        loader.timeout = mkOption { type = types.int; default = 5; };
        initrd = {
          availableKernelModules = list;
          kernelModules = list;
        } // lib.optionalAttrs isNew {
          systemd.enable = mkOption { type = types.bool; default = false; };
          systemd.contents = mkOption { type = types.attrsOf types.raw; default = { }; };
        };
        kernelPackages.kernel.version = text "6.6.30";
        kernelParams = mkOption { type = types.listOf types.str; default = [ ]; };
        postBootCommands = mkOption { type = types.lines; default = ""; };
      };
      environment.systemPackages = mkOption { type = types.listOf types.package; default = [ ]; };
      fileSystems = mkOption { type = types.attrsOf (types.submodule fileSystem); default = { }; };
      system.build = mkOption { type = types.lazyAttrsOf types.raw; default = { }; };
      system.nixos.tags = list;
      systemd.packages = mkOption { type = types.listOf types.package; default = [ ]; };
      systemd.services = mkOption { type = types.attrsOf (types.submodule service); default = { }; };
    };
    config = {
      boot.kernelParams = [ "loglevel=4" "quote=it's" ];
      fileSystems."/".fsType = "ext4";
      system.build.toplevel = toplevel config;
    };
  };

  # Kernel, ramdisk and init, all in one; the kernel is a header, and something behind it.
  toplevel = config: derivation {
    name = "nixos-system-test-24.05";
    system = builtins.currentSystem;
    builder = "${tools}/bin/busybox";
    args = [ "sh" "-euc" ''
      mkdir $out
      cd $out
      ln -s ${linux} kernel
      echo ramdisk | gzip -n > initrd
      printf '#!%s/bin/busybox sh\necho hello\n' ${tools} > init
      chmod +x init
      printf '%s' "$params" > kernel-params
      printf '%s' 24.05.test > nixos-version
    '' ];
    PATH = "${tools}/bin";
    params = toString config.boot.kernelParams;
  };
  linux = pkgs.runCommand "linux" { } ''
    mkdir "$out"
    head -c 20000 ${tools}/bin/busybox > "$out/bzImage"
  '' + "/bzImage";
  tools = builtins.path { path = busybox; name = "busybox"; };
in
lib.evalModules {
  modules = [ base (modulesPath + "/installer/netboot/netboot.nix") ../../units/nixos/module.nix ]
    ++ (if builtins.isList configuration then configuration else [ configuration ]);
  specialArgs = {
    inherit pkgs modulesPath;
  };
}
