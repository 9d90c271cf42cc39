# oddities.nix: store paths with everything a store may hold and a program may trip over.
#
# run      name: attributes: script: a path made by a shell script, see toplevel.nix
# example  a package whose derivation shall be a runtime dependency
# tools    busybox and its names

{ run, example, tools }:

let
  # A path that is an executable plain file, and not made by a derivation.
  program = builtins.path { path = "${tools}/bin/busybox"; name = "program"; };

  # The store's longest name: 211 characters (Nix, path.hh). Derivations must leave room for ".drv".
  longest = builtins.substring 0 211 (builtins.concatStringsSep "-" (builtins.genList (i: "longest-name") 20));

  # What Nix found in the file is its address: a fixed-output path, `fixed:sha256:…`
  fixed = run "fixed-output" {
    outputHashMode = "flat";
    outputHashAlgo = "sha256";
    outputHash = builtins.hashString "sha256" "hello\n";
  } "echo hello > $out";

  # Three outputs: rows of one derivation in the table DerivationOutputs.
  several = run "several-outputs" { outputs = [ "out" "dev" "man" ]; } ''
    mkdir "$out" "$dev" "$man"
    echo "library" > "$out/library"
    echo "$out" > "$dev/uses"
    echo "$out $dev" > "$man/uses"
  '';

  derivationFile = path: builtins.unsafeDiscardOutputDependency path.drvPath;

  duplicates = name: run name { inherit program; } ''
    mkdir -p "$out/copies"
    cd "$out"
    head -c 300000 "$program" > big
    cp big copies/big-executable
    chmod +x copies/big-executable
    ln big copies/big-hard-link
    for i in 1 2 3 4 5; do echo "the same few bytes" > "copies/small-$i"; done
  '';

in [
  program
  fixed
  several several.dev several.man
  (duplicates "duplicates-one")
  (duplicates "duplicates-two")
  (builtins.toFile "plain-file.txt" "hello\n")
  (builtins.toFile longest "a long name\n")
  (run "name+with=all_the.odd-characters?" { } "echo odd > $out")

  # Whole paths that are no directories, or nothing but.
  (run "executable-file" { inherit tools; } "printf '#!%s/bin/sh\necho hello\n' $tools > $out; chmod +x $out")
  (run "empty-file" { } ": > $out")
  (run "empty-executable-file" { } ": > $out; chmod +x $out")
  (run "empty-directory" { } "mkdir $out")
  (run "link-to-path" { inherit fixed; } "ln -s $fixed $out")
  (run "link-to-file-in-path" { inherit several; } "ln -s $several/library $out")
  (run "link-to-nowhere" { } "ln -s /no/such/file $out")
  (run "link-to-self" { } "ln -s $out $out")
  (run "self-reference" { } "mkdir $out; echo $out > $out/self")

  # Derivations as runtime dependencies, with their inputs and all of theirs.
  (run "uses-derivations" { files = map derivationFile [ several fixed example ]; } "echo $files > $out")

  (run "links" { inherit fixed; } ''
    mkdir -p "$out/below/below"
    cd "$out"
    echo here > file
    ln -s file relative
    ln -s ../../file below/below/upwards
    ln -s nowhere dangling
    ln -s "$fixed" absolute
    ln -s "$out/file" absolute-self
    ln -s loop loop
    ln -s below to-directory
    ln -s " a target with spaces " spaces
    # The kernel's longest is 4095 bytes, some file systems stop at 1023.
    for length in 4095 1023; do
      ln -s "$(printf "%''${length}s" x | tr " " t)" long && break
    done
  '')

  # Names are bytes: all but '/' and NUL. The last group sorts otherwise by locale, or with '/' as a byte.
  (run "names" { } ''
    mkdir "$out"
    cd "$out"
    for name in 'with space' ' leading' 'trailing ' '-dash' '--' '.hidden' '...' '*' '?' '[x]' '#' '$HOME' '~' \
      '"' "'" '`' '\' '\n' '%s' ';' '&' '|' '=' ':' 'café' '日本語' '😀' \
      'x' 'X' '.drv' 'a' 'a-b' 'a.b' 'a+b' 'aa' 'B' 'b' 'ä'
    do
      printf '%s\n' "$name" > "$name"
    done
    for bytes in 'tab\there' 'new\nline' 'return\rhere' 'bell\a' 'escape\033[31m' \
      'delete\177' 'latin\351' '\377' '\200\300' 'e\314\201'
    do
      printf '%s\n' "$bytes" > "$(printf "$bytes")"
    done
    echo long > "$(printf '%255s' x | tr ' ' n)"
    for folder in d d-e d.e; do
      mkdir "$folder"
      echo inside > "$folder/file"
    done
    mkdir -p empty/empty/empty
    deep=$(printf '%40s' x | sed 's|.|deep/|g')
    mkdir -p "$deep"
    echo bottom > "$deep/file"
  '')

  (run "modes" { } ''
    mkdir "$out"
    cd "$out"
    for mode in 0400 0444 0600 0644 0666 0700 0711 0755 0777 1644; do
      echo "$mode" > "$mode"
      chmod "$mode" "$mode"
    done
    mkdir -m 0700 private
    mkdir -m 1777 sticky
  '')

  # Around the block sizes: 128 KiB (squashfs' default), 1 MiB (its largest). The bytes are a program's, so
  # that they compress, but not away.
  (run "sizes" { inherit program; } ''
    mkdir "$out"
    for size in 1 2 3 4 7 8 9 4095 4096 4097 131071 131072 131073 1048575 1048576 1048577; do
      head -c "$size" "$program" > "$out/$size"
    done
  '')

  (run "zeros" { } ''
    mkdir "$out"
    cd "$out"
    truncate -s 3M zeros
    truncate -s 1000000 islands
    echo "in the middle" | dd of=islands bs=1 seek=500000 conv=notrunc
    truncate -s 1000 few-zeros
  '')

  (run "thousand-files" { } ''
    mkdir "$out"
    i=0
    while [ "$i" -lt 1000 ]; do
      echo "file $i" > "$out/$i"
      i=$((i + 1))
    done
  '')
]
