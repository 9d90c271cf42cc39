# What the modules make with regd-build: derivations that know the closure of some paths from Nix, without a database.
#
# option         the name of the option that `squashfsCompression` is the value of, for sentences
# buildPackage   regd for the machine that builds

{ lib, pkgs, buildPackage, option ? "squashfsCompression", squashfsCompression ? null }:

let
  inherit (builtins) elemAt filter head length tail;
in
rec {
  # "zstd -Xcompression-level 19", as mksquashfs is told it, is "zstd:19".
  compression =
    let
      asked = if squashfsCompression == null then "lz4" else squashfsCompression;
      words = filter (word: word != "") (lib.splitString " " asked);
      name = if words == [ ] then "" else head words;
      level = rest:
        let first = head rest;
        in
        if rest == [ ] then ""
        else if first == "-Xhc" && name == "lz4" then ":12" + level (tail rest)
        else if length rest < 2 then unknown first
        else if first == "-Xcompression-level" && (name == "zstd" || name == "gzip") then
          ":" + elemAt rest 1 + level (lib.drop 2 rest)
        # The dictionary is as large as a block anyway, and the filters are not used.
        else if (first == "-Xdict-size" || first == "-Xbcj") && name == "xz" then level (lib.drop 2 rest)
        else unknown first;
      unknown = word: throw "${option}: '${asked}': regd-build has no counterpart of '${word}'";
    in
    if name == "" then throw "${option} is empty" else name + level (tail words);

  # A derivation whose command has the closure of `contents` in the file $graph. What its output names is in it, so that it
  # can be copied without its closure.
  make = name: contents: command: pkgs.stdenv.mkDerivation {
    inherit name;
    __structuredAttrs = true;
    unsafeDiscardReferences.out = true;
    exportReferencesGraph.closure = map (path: "${path}") contents;
    nativeBuildInputs = [ buildPackage ];
    buildCommand = ''
      out=''${outputs[out]}
      graph=''${NIX_ATTRS_JSON_FILE:-$PWD/.attrs.json}
      ${command}
    '';
  };
}
