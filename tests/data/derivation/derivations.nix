# What the .drv files beside this are made from, by Nix 2.8.0:
#
#     nix-instantiate --store 'local?root=/tmp/drv' derivations.nix
#     cp /tmp/drv/nix/store/*.drv .
#     sqlite3 /tmp/drv/nix/var/nix/db/db.sqlite "select replace(v.path, '/nix/store/', '') || ' ' ||
#         d.id || ' ' || replace(d.path, '/nix/store/', '')
#         from DerivationOutputs d join ValidPaths v on v.id = d.drv order by 1" >outputs.txt
let
  system = "x86_64-linux";
  plain = name: more: derivation ({ inherit name system; builder = "/bin/sh"; } // more);
  fixed = name: mode: algorithm: hash: plain name {
    outputHashMode = mode;
    outputHashAlgo = algorithm;
    outputHash = hash;
  };
  sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  sha512 = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
  sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
  md5 = "d41d8cd98f00b204e9800998ecf8427e";
in rec {
  input-addressed = plain "input-addressed" { args = [ "-c" "echo 'x' > $out" ]; };
  escapes = plain "escapes" { text = "quote \" backslash \\ newline \n return \r tab \t dollar \${x} umlaut ä"; };
  multi = plain "multi" { outputs = [ "out" "dev" "bin" "doc" ]; uses = input-addressed; };
  without-out = plain "without-out" { outputs = [ "lib" "aaa" ]; };
  user = plain "user" { from = [ multi.dev multi.bin input-addressed ]; source = builtins.toFile "source" "text"; };
  flat-sha256 = fixed "flat-sha256" "flat" "sha256" sha256;
  recursive-sha256 = fixed "recursive-sha256" "recursive" "sha256" sha256;
  flat-sha1 = fixed "flat-sha1" "flat" "sha1" sha1;
  recursive-sha1 = fixed "recursive-sha1" "recursive" "sha1" sha1;
  flat-md5 = fixed "flat-md5" "flat" "md5" md5;
  recursive-md5 = fixed "recursive-md5" "recursive" "md5" md5;
  flat-sha512 = fixed "flat-sha512" "flat" "sha512" sha512;
  recursive-sha512 = fixed "recursive-sha512" "recursive" "sha512" sha512;
  # Two ways to the same fixed output count as one input.
  mirror-a = plain "mirror" { url = "a"; outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = sha256; };
  mirror-b = plain "mirror" { url = "b"; outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = sha256; };
  mirrors = plain "mirrors" { from = [ mirror-a mirror-b flat-md5 ]; };
  # A fixed one whose own input does not count.
  fixed-with-input = plain "fixed-with-input" { tool = input-addressed; outputHashMode = "recursive"; outputHashAlgo = "sha256"; outputHash = sha256; };
  uses-fixed = plain "uses-fixed" { from = fixed-with-input; };
  structured = plain "structured" { __structuredAttrs = true; list = [ 1 2 ]; outputs = [ "out" "dev" ]; };
  deep-derivation = plain "deep-derivation" { closure = user.drvPath; };
  chain = builtins.foldl' (before: i: plain "chain-${toString i}" { inherit before; }) input-addressed (builtins.genList (i: i + 1) 24);
}
