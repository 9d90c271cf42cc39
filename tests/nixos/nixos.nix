# nixos.nix: a NixOS system as seen by units/nixos/module.nix: the options that others declare, a small toplevel, and nixpkgs'
# own netboot module, which has to be disabled.
#
# busybox        a static one
# isNew          with what newer NixOS has: overlay, an initrd with systemd, /etc as an overlay, names of image files
# release        which one it says it is
# netboot        with that module
# cross          for another machine
# configuration  a module, or a list of them

{ busybox, isNew ? true, release ? if isNew then "26.11" else "23.11", netboot ? true, cross ? false, configuration ? { } }:

let
  lib = import ./lib.nix // { trivial = { inherit release; }; };
  pkgs = import ./pkgs.nix { inherit cross; };
  inherit (lib) mkOption types;
  modulesPath = toString (if lib.versionAtLeast release "25.05" then ./modules/new else ./modules/old);
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
    enable = mkOption { type = types.bool; default = true; };
    description = text "";
    aliases = list;
    before = list;
    after = list;
    requires = list;
    wantedBy = list;
    requiredBy = list;
    script = mkOption { type = types.lines; default = ""; };
    unitConfig = mkOption { type = types.attrsOf types.raw; default = { }; };
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
          systemd.storePaths = list;
          systemd.network.enable = mkOption { type = types.bool; default = false; };
          systemd.network.networks = mkOption { type = types.attrsOf (types.attrsOf types.raw); default = { }; };
          systemd.network.wait-online.anyInterface = mkOption { type = types.bool; default = false; };
          network.enable = mkOption { type = types.bool; default = false; };
          network.flushBeforeStage2 = mkOption { type = types.bool; default = true; };
        };
        isContainer = mkOption { type = types.bool; default = false; };
        kernelPackages.kernel.version = text "6.6.30";
        kernelParams = mkOption { type = types.listOf types.str; default = [ ]; };
        postBootCommands = mkOption { type = types.lines; default = ""; };
      };
      environment.etc = mkOption { type = types.attrsOf types.raw; default = { }; };
      environment.systemPackages = mkOption { type = types.listOf types.package; default = [ ]; };
      fileSystems = mkOption { type = types.attrsOf (types.submodule fileSystem); default = { }; };
      system = lib.optionalAttrs isNew {
        etc.overlay.enable = mkOption { type = types.bool; default = false; };
        etc.overlay.mutable = mkOption { type = types.bool; default = true; };
        nixos-init.enable = mkOption { type = types.bool; default = false; };
      } // {
        build = mkOption { type = types.lazyAttrsOf types.raw; default = { }; };
        nixos.tags = list;
      };
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
    { head -c 514 /dev/zero; printf HdrS; head -c 20000 ${tools}/bin/busybox; } > "$out/bzImage"
  '' + "/bzImage";
  tools = builtins.path { path = busybox; name = "busybox"; };
in
lib.evalModules {
  modules = [ base ]
    ++ lib.optionals netboot [ (modulesPath + "/installer/netboot/netboot.nix") ../../units/nixos/module.nix ]
    ++ (if builtins.isList configuration then configuration else [ configuration ]);
  specialArgs = {
    inherit lib modulesPath pkgs;
  };
}
