# regd and regd-build, for nixpkgs' callPackage.

{ lib
, stdenv
, meson
, ninja
, pkg-config
, scdoc
, cjson
, curl
, libarchive
, libdeflate
, lz4
, openssl
, sqlite
, squashfs-tools-ng
, systemd
, xz
, zlib
, zstd
}:

let
  root = ../..;

  # What the build needs; not what a build in the checkout has left there.
  wanted = [ "meson.build" "builder" "regd" "schema" "tests" "units" ];
  isWanted = path: type:
    let name = lib.removePrefix (toString root + "/") (toString path);
    in builtins.any (each: name == each || lib.hasPrefix (each + "/") name) wanted;

  # "  version: '0.1.0'," in the project's first lines.
  start = "  version: '";
  line = lib.findFirst (lib.hasPrefix start) "" (lib.splitString "\n" (builtins.readFile (root + "/meson.build")));
in
stdenv.mkDerivation {
  pname = "regd";
  version = lib.removeSuffix "'," (lib.removePrefix start line);
  src = builtins.path { name = "regd-source"; path = root; filter = isWanted; };

  nativeBuildInputs = [ meson ninja pkg-config scdoc ];
  buildInputs = [ cjson curl libarchive libdeflate lz4 openssl sqlite squashfs-tools-ng systemd xz zlib zstd ];

  mesonBuildType = "release";

  # Four libraries are loaded by name when they are first needed (schema/base/library.h): the linker does not see
  # them, so the programs are told where they are, and keep it.
  mesonFlags = [ "-Dc_link_args=-Wl,-rpath,${lib.makeLibraryPath [ curl openssl sqlite systemd ]}" ];
  dontPatchELF = true;

  meta = {
    description = "Makes netboot and kexec images of NixOS systems, and registers their store paths at boot";
    license = lib.licenses.lgpl21Plus;
    platforms = lib.platforms.linux;
    mainProgram = "regd-build";
  };
}
