# Netboot and kexec images of a NixOS configuration, made by regd-build and registered at boot by regd.
#
# Takes the place of nixpkgs' installer/netboot/netboot.nix, which it disables: the options `netboot.*` and the outputs
# `system.build.*` are those, and so is what the machine mounts. Everything is taken from one tree (kexecTree), so that its
# parts fit together; the store image in it is that of squashfsStore, compressed once. registration.nix has the part that runs
# at boot.
#
# Layers   Where the store is more than one image (maxSize, baseImages), how many is known only when they are made, so it is
#          not fileSystems that mounts them, but the initrd's generator: see regd-initrd-generator(8).
# By URL   With byUrl the ramdisk has no image: regd-fetch(8) fetches it in stage 1, which needs a network, and for https
#          certificates. The libraries that regd-fetch loads by name have to be named here.

{ config, lib, modulesPath, options, pkgs, ... }:

let
  inherit (lib) mkDefault mkIf mkImageMediaOverride mkMerge mkOption optional optionalAttrs optionals types;

  cfg = config.netboot;
  build = config.system.build;
  inherit (pkgs.stdenv.hostPlatform) system;
  hasLayers = cfg.regd.maxSize != null || cfg.regd.baseImages != [ ];
  hasGenerator = hasLayers || cfg.regd.byUrl || cfg.regd.overlay != null;
  hasDisk = cfg.regd.overlay != null && builtins.match "tmpfs(,.*)?" cfg.regd.overlay == null;
  hasSystemdInitrd = config.boot.initrd.systemd.enable or false;

  # Newer NixOS prefixes the directories of an overlay for stage 1 and makes them; older only those in `options`.
  hasOverlayOption = (options.fileSystems.type.getSubOptions [ ]) ? overlay;

  image = import ./image.nix {
    inherit lib pkgs;
    inherit (config.services.regd) buildPackage;
    inherit (cfg) squashfsCompression;
    option = "netboot.squashfsCompression";
  };

  arguments = lib.escapeShellArgs (
    [ "--quiet" "--store-dir" builtins.storeDir "--compression" image.compression ]
    ++ optionals (cfg.regd.maxSize != null) [ "--max-size" cfg.regd.maxSize ]
    ++ lib.concatMap (image: [ "--base" "${image}" ]) cfg.regd.baseImages
  );

  treeArguments = lib.escapeShellArgs (
    lib.concatMap (path: [ "--add" "${path}" ]) cfg.storeContents
    ++ optionals (!hasLayers) [ "--reuse" "${build.squashfsStore}" ]
    ++ optionals (cfg.regd.targetRam != null) [ "--target-ram" cfg.regd.targetRam ]
    ++ optionals (cfg.regd.baseUrl != null) [ "--base-url" cfg.regd.baseUrl ]
    ++ optional cfg.regd.separateStore "--separate-store"
    ++ optional cfg.regd.byUrl "--by-url"
    ++ optional cfg.regd.uki "--uki"
    ++ lib.concatLists (lib.mapAttrsToList (target: source: [ "--file" "${source}:${target}" ]) cfg.regd.extraFiles)
  );

  squashfs = ''regd-build squashfs ${arguments} --jobs "$NIX_BUILD_CORES" --graph "$graph"'';
  tree = ''regd-build tree ${build.toplevel} ${arguments} ${treeArguments} --jobs "$NIX_BUILD_CORES" --graph "$graph"'';

  make = name: image.make name cfg.storeContents;

  # Some of the tree, where the classic outputs have it.
  part = name: command: pkgs.runCommand name { kexecTree = build.kexecTree; } command;

  # NixOS 24.05 has options.image too, of image/repart.nix, but not the names of files.
  hasImageNames = options ? image.extension;
  tarballName = if hasImageNames then config.image.fileName else "nixos-kexec-${system}.tar.zst";
in
{
  disabledModules = [ "installer/netboot/netboot.nix" ];

  imports = [ ./registration.nix ]
    ++ optional (builtins.pathExists (modulesPath + "/image/file-options.nix")) (modulesPath + "/image/file-options.nix");

  options.netboot = {
    squashfsCompression = mkOption {
      type = types.nullOr types.str;
      default = "zstd -Xcompression-level 19";
      example = "zstd:6";
      description = ''
        Compression of the store image, in mksquashfs syntax or in regd-build syntax (name and level). null selects
        the fastest.
      '';
    };

    storeContents = mkOption {
      type = types.listOf types.path;
      example = lib.literalExpression or lib.literalExample "[ pkgs.stdenv ]";
      description = "Store paths to add to the image, with their closures.";
    };

    regd = {
      package = mkOption {
        type = types.package;
        default = pkgs.callPackage ./package.nix { };
        defaultText = lib.literalExpression or lib.literalExample "pkgs.callPackage ./package.nix { }";
        description = "The package with regd and regd-build: services.regd.package.";
      };

      maxSize = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "3G";
        description = ''
          Split the store into images of at most this size. A ramdisk cannot hold an image of 4 GiB or more.
        '';
      };

      baseImages = mkOption {
        type = types.listOf types.path;
        default = [ ];
        description = "Store images below this one, topmost first. Store paths in them are excluded from this one.";
      };

      separateStore = mkOption {
        type = types.bool;
        default = false;
        description = "Keep the store images beside the ramdisk, as separate files.";
      };

      byUrl = mkOption {
        type = types.bool;
        default = false;
        description = ''
          Leave the store images out of the ramdisk, and fetch them in stage 1 from the server that has kexecTree. The
          ramdisk pins every byte of them. Stage 1 gets a network by DHCP on all Ethernet devices, and goes on when one of them
          is online, unless `boot.initrd.systemd.network` says more. Their drivers have to be in `boot.initrd.availableKernelModules`.
        '';
      };

      onFailure = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "reboot:300";
        description = ''
          What to do if the images of byUrl cannot be fetched, or the device of overlay cannot be used:
          `reboot:SECONDS`, `poweroff` or `shell`. Default: `reboot:60`.
        '';
      };

      uki = mkOption {
        type = types.bool;
        default = false;
        description = ''
          Also make boot.efi in kexecTree, one program for UEFI that boots the system. For Secure Boot, sign it after the
          build.
        '';
      };

      targetRam = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "4G";
        description = "Fail the build if booting needs more memory than this.";
      };

      baseUrl = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "http://boot.example.org/tree";
        description = ''
          Prefix of the file names in netboot.ipxe, and with byUrl where the images are fetched from. Default: files beside
          netboot.ipxe.
        '';
      };

      extraFiles = mkOption {
        type = types.attrsOf types.path;
        default = { };
        example = lib.literalExpression or lib.literalExample ''{ "etc/motd" = ./motd; }'';
        description = "Files to add to the ramdisk, by their paths there, which a mode may follow (`etc/key:0600`). Everyone who can load the ramdisk can read them.";
      };

      overlaySize = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "80%";
        description = "How much can be written to the store in memory. Default: half of the memory.";
      };

      overlay = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "LABEL=nix-upper";
        description = ''
          Where to keep what is written to the store: `tmpfs`, or the file system of a device (`LABEL=`, `UUID=`,
          `PARTLABEL=`, `PARTUUID=` or `/dev/...`), which keeps it across boots of the same image. It is never formatted, and
          has to be in `boot.initrd.supportedFilesystems`. Keep /nix/var on a disk, too. See regd-initrd-generator(8).
        '';
      };

      overlayReset = mkOption {
        type = types.bool;
        default = false;
        description = ''
          If the file system of overlay has what was written above another image, move it away at boot, and start
          with nothing. By default, such a boot fails.
        '';
      };

      setProfile = mkOption {
        type = types.enum [ "missing" "always" ];
        default = "missing";
        description = "Set the system profile only if it is missing or dangling, or at every boot.";
      };
    };
  };

  config = mkMerge [{
    assertions = [
      {
        assertion = !hasGenerator || hasSystemdInitrd;
        message = "netboot.regd.maxSize, baseImages, byUrl and overlay require boot.initrd.systemd.enable.";
      }
      {
        assertion = !cfg.regd.byUrl || !cfg.regd.separateStore;
        message = "netboot.regd.byUrl and separateStore exclude each other.";
      }
      {
        assertion = cfg.regd.onFailure == null || builtins.match "reboot(:[0-9]+)?|poweroff|shell" cfg.regd.onFailure != null;
        message = "netboot.regd.onFailure is not reboot, reboot:SECONDS, poweroff or shell.";
      }
      {
        assertion = !hasDisk || cfg.regd.overlaySize == null;
        message = "netboot.regd.overlaySize limits memory, but netboot.regd.overlay names a device.";
      }
    ];

    # A menu of boot entries is of no use here, and would refer to what is made of it.
    boot.loader.grub.enable = false;
    boot.loader.timeout = 10;

    # What other modules expected to be there.
    environment.systemPackages = optionals (lib.versionOlder lib.trivial.release "24.11") (
      [ pkgs.grub2_efi ] ++ optionals (system != "aarch64-linux") [ pkgs.grub2 pkgs.syslinux ]
    );

    fileSystems = mkMerge [
      {
        "/" = mkImageMediaOverride {
          fsType = "tmpfs";
          options = [ "mode=0755" ];
        };
      }
      (mkIf (!hasGenerator) {
        # Relative, because stage 1 puts something before names that it takes for devices.
        "/nix/.ro-store" = mkImageMediaOverride {
          fsType = "squashfs";
          device = "../nix-store.squashfs";
          options = [ "loop" ]
            ++ optional (lib.versionAtLeast config.boot.kernelPackages.kernel.version "6.2") "threads=multi";
          neededForBoot = true;
        };
        "/nix/.rw-store" = mkImageMediaOverride {
          fsType = "tmpfs";
          options = [ "mode=0755" ] ++ optional (cfg.regd.overlaySize != null) "size=${cfg.regd.overlaySize}";
          neededForBoot = true;
        };
        "/nix/store" = mkImageMediaOverride (
          if hasOverlayOption then {
            overlay = {
              lowerdir = [ "/nix/.ro-store" ];
              upperdir = "/nix/.rw-store/store";
              workdir = "/nix/.rw-store/work";
            };
            neededForBoot = true;
          } else {
            fsType = "overlay";
            device = "overlay";
            options = [
              "lowerdir=/nix/.ro-store"
              "upperdir=/nix/.rw-store/store"
              "workdir=/nix/.rw-store/work"
            ];
            depends = [ "/nix/.ro-store" "/nix/.rw-store/store" "/nix/.rw-store/work" ];
          }
        );
      })
    ];

    boot.initrd = {
      availableKernelModules = [ "squashfs" "overlay" ] ++ optionals cfg.regd.byUrl [ "dm_mod" "dm_verity" ];
      kernelModules = [ "loop" "overlay" ];
    } // optionalAttrs (options.boot.initrd ? systemd) {
      systemd.contents = mkMerge [
        (mkIf hasGenerator {
          "/etc/systemd/system-generators/regd-initrd-generator".source =
            "${cfg.regd.package}/lib/systemd/system-generators/regd-initrd-generator";
        })
        (mkIf cfg.regd.byUrl {
          "/etc/ssl/certs/ca-certificates.crt".source = mkDefault "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
        })
      ];
      systemd.storePaths = optionals cfg.regd.byUrl [
        "${cfg.regd.package}/lib/systemd/regd-fetch"
        "${lib.getLib pkgs.curl}/lib/libcurl.so.4"
        "${lib.getLib pkgs.systemd}/lib/libsystemd.so.0"
      ] ++ optional (cfg.regd.byUrl || hasDisk) "${lib.getLib pkgs.openssl}/lib/libcrypto.so.3";
      systemd.network = mkIf cfg.regd.byUrl {
        enable = mkDefault true;
        networks."99-regd" = {
          matchConfig = mkDefault { Type = "ether"; Kind = "!*"; };
          networkConfig = mkDefault { DHCP = "yes"; };
        };
        # A port without a cable must not hold up the boot until waiting for it times out.
        wait-online.anyInterface = mkDefault true;
      };
      # The images are in memory by then, and stage 2 starts with a network as it would without us.
      network = mkIf cfg.regd.byUrl {
        enable = mkDefault true;
        flushBeforeStage2 = mkDefault true;
      };
    };
    boot.kernelParams =
      optional (hasGenerator && cfg.regd.overlaySize != null) "regd.overlay-size=${cfg.regd.overlaySize}"
      ++ optional (cfg.regd.overlay != null) "regd.overlay=\"${cfg.regd.overlay}\""
      ++ optional (hasDisk && cfg.regd.overlayReset) "regd.overlay-reset"
      ++ optional ((cfg.regd.byUrl || hasDisk) && cfg.regd.onFailure != null) "regd.on-failure=${cfg.regd.onFailure}";

    services.regd = {
      enable = mkDefault true;
      package = mkDefault cfg.regd.package;
      setProfile = mkDefault cfg.regd.setProfile;
    };

    # A password for root from the kernel's command line, if root has an empty one: for installers of machines without a
    # screen.
    systemd.services.live-nixos-password = {
      description = "Set root's password from the kernel's command line";
      unitConfig.ConditionKernelCommandLine = [ "|live.nixos.password" "|live.nixos.passwordHash" ];
      wantedBy = [ "multi-user.target" ];
      before = [ "systemd-user-sessions.service" "sshd.service" "display-manager.service" ];
      restartIfChanged = false;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script = ''
        read -r -a words < /proc/cmdline
        for word in "''${words[@]}"; do
          case $word in
            live.nixos.password=* | live.nixos.passwordHash=*) ;;
            *) continue ;;
          esac
          ${pkgs.gnugrep}/bin/grep -q '^root::' /etc/shadow || break
          case $word in
            live.nixos.passwordHash=*) ${pkgs.shadow}/bin/usermod -p "''${word#*=}" root ;;
            live.nixos.password=*) printf 'root:%s\n' "''${word#*=}" | ${pkgs.shadow}/bin/chpasswd ;;
          esac
        done
      '';
    };

    netboot.storeContents = [ build.toplevel ];

    # One file, or with maxSize a directory of them.
    system.build.squashfsStore = make "nix-store.squashfs" (
      if cfg.regd.maxSize == null then ''
        ${squashfs} -o "$out"
      '' else ''
        mkdir "$out"
        ${squashfs} -o "$out/nix-store.squashfs"
      ''
    );

    system.build.kexecTree = make "kexec-tree" ''
      ${tree} -o "$out"
    '';

    # The ramdisk, and with separateStore the images that are loaded behind it.
    system.build.netbootRamdisk = part "netboot-ramdisk" ''
      mkdir "$out"
      for file in "$kexecTree"/initrd "$kexecTree"/nix-store.*; do
        [ ! -e "$file" ] || ln -s "$file" "$out/"
      done
    '';

    system.build.netbootIpxeScript = part "netboot.ipxe" ''
      mkdir "$out"
      ln -s "$kexecTree/netboot.ipxe" "$out/"
    '';

    system.build.kexecScript = part "kexec-boot" ''
      cp "$kexecTree/kexec-boot" "$out"
    '';

    # Made with the tree, from the same blocks as kexecTree: on its way through stores that has lost that initrd.gz is initrd.
    system.build.kexecTarball = make "kexec-tarball" ''
      mkdir -p "$out/tarball" "$out/nix-support"
      ${tree} -o tree --tarball "$out/tarball/${tarballName}"
      echo "file system-tarball $out/tarball/${tarballName}" > "$out/nix-support/hydra-build-products"
    '';
  } (optionalAttrs hasImageNames {
    image.extension = mkDefault "tar.zst";
    image.filePath = "tarball/${config.image.fileName}";
    system.nixos.tags = [ "kexec" ];
    system.build.image = build.kexecTarball;
  })];
}
