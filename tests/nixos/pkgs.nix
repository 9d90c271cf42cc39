# pkgs.nix: as much of nixpkgs as units/nixos uses, made of this system: its compiler, its programs, its libraries.
#
# libraries   the folder of this system's shared libraries
# cross       as if what is made were for another machine; only to be looked at

{ libraries ? "/usr/lib/x86_64-linux-gnu", cross ? false }:

let
  lib = import ./lib.nix;
  system = builtins.currentSystem;

  mkDerivation = attributes: derivation ({
    name = "${attributes.pname}-${attributes.version}";
    inherit system;
    builder = "/bin/bash";
    args = [ "-eu" ./builder.sh ];
  } // (if cross then { hostSystem = "aarch64-linux"; } else { }) // removeAttrs attributes [ "meta" ]);

  runCommand = name: attributes: buildCommand: mkDerivation ({ inherit name buildCommand; } // attributes);

  # A package of which only a library is wanted, found by its name.
  library = name: file: runCommand name { } ''
    mkdir -p "$out/lib"
    ln -s ${libraries}/${file} "$out/lib/"
  '';

  # One whose programs are this system's, which are in PATH.
  host = name: runCommand name { } ''mkdir -p "$out/bin" && ln -s "$(type -P ${name} || echo /bin/false)" "$out/bin/${name}"'';

  pkgs = {
    inherit lib runCommand;
    stdenv = {
      inherit mkDerivation;
      hostPlatform.system = if cross then "aarch64-linux" else system;
      buildPlatform.system = system;
    };
    callPackage = file: arguments:
      let function = import file;
      in function (builtins.intersectAttrs (builtins.functionArgs function) pkgs // arguments);

    buildPackages = if cross then import ./pkgs.nix { inherit libraries; } else pkgs;
    cacert = runCommand "cacert" { } ''
      mkdir -p "$out/etc/ssl/certs"
      touch "$out/etc/ssl/certs/ca-bundle.crt"
    '';
    curl = library "curl" "libcurl.so.4";
    openssl = library "openssl" "libcrypto.so.3";
    sqlite = library "sqlite" "libsqlite3.so.0";
    systemd = library "systemd" "libsystemd.so.0";
  } // builtins.listToAttrs (map (name: { inherit name; value = host name; }) [
    "cjson" "gnugrep" "grub2" "grub2_efi" "libarchive" "libdeflate" "lz4" "meson" "ninja" "pkg-config" "scdoc" "shadow"
    "squashfs-tools-ng" "syslinux" "xz" "zlib" "zstd"
  ]);
in
pkgs
