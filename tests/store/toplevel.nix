# toplevel.nix: the system of the test store, for tests/store/make.
#
# busybox   a folder with bin/busybox, a static one, and links to it by its other names: the store's shell
# packages  a file that make writes: [ { pname, version, depends = [ pname ], files = "one\nname\na line" } ]
# kernel    a bzImage on this host, or "" for a made-up one

{ busybox, packages, kernel }:

let
  system = builtins.currentSystem;

  # busybox and its names, added to the store as it is.
  tools = builtins.path { path = busybox; name = "busybox-static"; };

  # A path made by a shell script. Attributes are variables of the script.
  run = name: attributes: script: derivation ({
    inherit name system;
    builder = "${tools}/bin/busybox";
    args = [ "sh" "-euc" script ];
    PATH = "${tools}/bin";
  } // attributes);

  # The files of one installed package, /usr/bin/x and /bin/x as bin/x, beside the paths of the packages it
  # depends on, which Nix finds in the text and records as references. Some files may be unreadable to an
  # ordinary user; a package can do without them here.
  package = { pname, version, depends, files }: run "${pname}-${version}" {
    inherit files;
    passAsFile = [ "files" ];
    depends = map (name: byName.${name}) depends;
  } ''
    mkdir "$out"
    while read -r file; do
      target=$out/''${file#/}
      case $file in /usr/*) target=$out/''${file#/usr/} ;; esac
      [ -d "''${target%/*}" ] || mkdir -p "''${target%/*}"
      [ ! -r "$file" ] && [ ! -L "$file" ] || cp -P "$file" "$target"
    done < "$filesPath"
    if [ "$depends" ]; then
      mkdir -p "$out/nix-support"
      echo $depends > "$out/nix-support/propagated-build-inputs"
    fi
  '';

  all = import packages;
  byName = builtins.listToAttrs (map (each: { name = each.pname; value = package each; }) all);
  installed = map (each: byName.${each.pname}) all;

  # As much of a boot header as file(1) and a boot loader's first look want, then something compressed.
  linux = run "linux-6.1-demo" { image = kernel; } ''
    mkdir "$out"
    if [ "$image" ]; then
      cat "$image" > "$out/bzImage"
    else
      {
        head -c 497 /dev/zero
        printf '\1\1\0\0\0\1\0\0\0\377\377\0\0\125\252'
        printf '\353\146HdrS\17\2\0\0\0\0\0\20\0\1\0\1'
        head -c 238 /dev/zero
        printf '6.1-demo (demo@demo) #1 SMP'
      } > "$out/bzImage"
      truncate -s 1024 "$out/bzImage"
      gzip -nc "$builder" >> "$out/bzImage"
    fi
  '';

  initrd = run "initrd-linux-demo" {
    init = ''
      #!/bin/sh
      export PATH=/bin
      mount -t proc proc /proc
      mount -t sysfs sys /sys
      mount -t devtmpfs dev /dev
      echo "demo: stage 1 with $(cat /proc/cmdline)"
      ls -l /nix-store.squashfs
      exec sh
    '';
  } ''
    mkdir -p "$out" root/bin root/dev root/proc root/sys
    cd root
    cp "$builder" bin/busybox
    chmod 755 bin/busybox
    for applet in sh cat echo ls mkdir mount umount switch_root poweroff; do
      ln -s busybox "bin/$applet"
    done
    printf '%s' "$init" > init
    chmod 755 init
    find . -exec touch -h -d @1 {} +
    find . | sort | cpio -o -H newc -R 0:0 --ignore-devno --renumber-inodes | gzip -n > "$out/initrd"
  '';

  # What users find in PATH: links into every package.
  path = run "system-path" { paths = installed ++ [ tools ]; } ''
    for folder in bin sbin share; do
      mkdir -p "$out/$folder"
      for path in $paths; do
        [ ! -d "$path/$folder" ] || for file in "$path/$folder"/*; do
          [ -e "$out/$folder/''${file##*/}" ] || ln -s "$file" "$out/$folder/"
        done
      done
    done
  '';

  etc = run "etc" { inherit path; } ''
    mkdir -p "$out/etc/static"
    cd "$out/etc"
    echo demo > hostname
    printf 'NAME=NixOS\nID=nixos\nVERSION_ID="24.05"\n' > os-release
    printf 'root:x:0:0:root:/root:%s/bin/sh\n' "$path" > passwd
    printf 'export PATH=%s/bin:%s/sbin\n' "$path" "$path" > profile
    ln -s /proc/mounts mtab
    ln -s ../os-release static/os-release
  '';

  oddities = import ./oddities.nix { inherit run; example = byName.sed; inherit tools; };

in run "nixos-system-demo-24.05" {
  inherit linux initrd path etc tools oddities system;
  init = ''
    #!@tools@/bin/sh
    systemConfig=@out@
    export PATH=@tools@/bin
    echo "demo: stage 2 of $systemConfig"
    mkdir -p /run
    ln -sfn "$systemConfig" /run/current-system
    "$systemConfig/activate"
    exec sh
  '';
  activate = ''
    #!@tools@/bin/sh
    PATH=@tools@/bin
    mkdir -p /etc
    for file in @out@/etc/*; do ln -sfn "$file" /etc/; done
  '';
} ''
  mkdir "$out"
  cd "$out"
  ln -s "$linux/bzImage" kernel
  ln -s "$initrd/initrd" initrd
  ln -s "$path" sw
  ln -s "$etc/etc" etc
  for script in init activate; do
    eval "text=\$$script"
    printf '%s' "$text" | sed -e "s|@out@|$out|g" -e "s|@tools@|$tools|g" > "$script"
    chmod +x "$script"
  done
  printf '%s' 'console=ttyS0 loglevel=4 demo.greeting=hello' > kernel-params
  printf '%s' "$system" > system
  printf '%s' 24.05.demo > nixos-version
  printf '%s\n' $oddities > extra-dependencies
''
