# system.nix: the systems that the boot tests boot, for tests/boot/system/make.
#
# busybox   a folder with bin/busybox, a static one, and links to it by its other names: the store's shell
# packages  a file that tests/store/nix.sh writes: [ { pname, version, depends = [ pname ], files = "a\nname\na line" } ]
# regd      a folder with the program under test, its unit and its catalog
# kernel    the version of a kernel that is installed on this host
# root      "", or a folder with packages and a kernel for another processor
# system    what Nix calls the processor that the system is for
# shell     busybox for this host, if the other one is not

{ busybox, packages, regd, kernel, root ? "", system ? builtins.currentSystem, shell ? busybox }:

let
  # busybox and its names, added to the store as it is. One is in the systems, the other makes them.
  tools = builtins.path { path = busybox; name = "busybox-static"; };
  maker = if shell == busybox then tools else builtins.path { path = shell; name = "busybox-maker"; };

  isArm = system == "aarch64-linux";
  kernelName = if isArm then "Image" else "bzImage";
  serial = if isArm then "ttyAMA" else "ttyS";

  # A path made by a shell script. Attributes are variables of the script.
  run = name: attributes: script: derivation ({
    inherit name root;
    system = builtins.currentSystem;
    builder = "${maker}/bin/busybox";
    args = [ "sh" "-euc" script ];
    PATH = "${maker}/bin";
  } // attributes);

  # The files of one installed package, /usr/bin/x and /bin/x as bin/x, but for what no booted machine of ours
  # looks at, and the names of the packages it depends on, which Nix finds in the text.
  package = { pname, version, depends, files }: run "${pname}-${version}" {
    inherit files;
    passAsFile = [ "files" ];
    depends = map (name: byName.${name}) depends;
  } ''
    mkdir "$out"
    while read -r file; do
      case $file in
      /etc/* | /boot/* | /var/* | /usr/share/* | */perl* | */hwdb.d/* | */system-generators/*) continue ;;
      */systemd/boot/* | */catalog/*.*.catalog | */user-generators/* | */kernel/install.d/*) continue ;;
      esac
      target=$out/''${file#/}
      case $file in /usr/*) target=$out/''${file#/usr/} ;; esac
      [ -d "''${target%/*}" ] || mkdir -p "''${target%/*}"
      cp -P "$root$file" "$target"
    done < "$filesPath"
    if [ "$depends" ]; then
      mkdir -p "$out/nix-support"
      echo $depends > "$out/nix-support/propagated-build-inputs"
    fi
  '';

  all = import packages;
  byName = builtins.listToAttrs (map (each: { name = each.pname; value = package each; }) all);
  installed = map (each: byName.${each.pname}) all;

  # The only generator that the systems need.
  fstabGenerator = run "fstab-generator" { } ''
    mkdir -p "$out/lib/systemd/system-generators"
    cp "$root/lib/systemd/system-generators/systemd-fstab-generator" "$out/lib/systemd/system-generators/"
  '';

  regdPath = run "regd" { source = builtins.path { path = regd; name = "regd-source"; }; } ''
    mkdir -p "$out/bin" "$out/lib/systemd/system" "$out/lib/systemd/catalog"
    cp "$source/bin/regd" "$out/bin/"
    sed "s|@bindir@|$out/bin|" "$source/regd.service.in" > "$out/lib/systemd/system/regd.service"
    cp "$source/regd.catalog" "$out/lib/systemd/catalog/"
  '';

  modules = [ "loop" "squashfs" "overlay" "virtio_pci" "virtio_blk" "qemu_fw_cfg" "crc32c_generic" "ext4" "isofs" ];

  # The kernel, and those of its modules, in the order in which they can be loaded. What is no module is built in.
  linux = run "linux-${kernel}" { inherit kernel kernelName modules; } ''
    mkdir -p "$out/modules"
    cp "$root/boot/vmlinuz-$kernel" "$out/$kernelName"
    for module in $modules; do
      line=$(grep "/$module.ko[.xz]*:" "$root/lib/modules/$kernel/modules.dep") || continue
      needs=
      for need in ''${line#*:}; do needs="$need $needs"; done
      for file in $needs "''${line%%:*}"; do
        name=''${file##*/}
        name=''${name%.xz}
        [ -e "$out/modules/$name" ] || echo "$name" >> "$out/modules/order"
        case $file in
        *.xz) xzcat "$root/lib/modules/$kernel/$file" > "$out/modules/$name" ;;
        *) cp "$root/lib/modules/$kernel/$file" "$out/modules/" ;;
        esac
      done
    done
  '';

  initrd = run "initrd-linux-${kernel}" { inherit linux tools; init = ./stage1.sh; } ''
    mkdir -p "$out" root/bin root/dev root/proc root/sys root/run
    cd root
    cp "$tools/bin/busybox" bin/busybox
    for name in sh cat cp insmod ln losetup mkdir modprobe mount sleep switch_root; do
      ln -s busybox "bin/$name"
    done
    cp -r "$linux/modules" .
    cp "$init" init
    chmod -R u+w .
    chmod 755 bin/busybox init
    find . -exec touch -h -d @1 {} +
    find . | sort | cpio -o -H newc -R 0:0 --ignore-devno --renumber-inodes | gzip -n > "$out/initrd"
  '';

  # All packages merged into one /usr: links to files, folders of its own. The programs of Debian look for
  # libraries and for each other there.
  path = run "system-path" { paths = installed ++ [ fstabGenerator regdPath tools ]; } ''
    mkdir "$out"
    for path in $paths; do
      cd "$path"
      find . -type d -mindepth 1 ! -path './nix-support*' | while read -r folder; do mkdir -p "$out/$folder"; done
      find . ! -type d ! -path './nix-support*' | while read -r file; do
        [ -L "$out/$file" ] || echo "ln -s '$path/''${file#./}' '$out/''${file#./}'"
      done | sh
    done
  '';

  etc = run "etc" { inherit path tools serial; files = ./etc; } ''
    cp -r "$files" "$out"
    chmod -R u+w "$out"
    cd "$out/systemd/system"
    sed -i "s/ttyS/$serial/" test-check.service
    ln -s /dev/null "$out/tmpfiles.d/systemd-network.conf"
    while read -r unit; do ln -s /dev/null "$unit"; done < masked
    rm masked
    mkdir -p sysinit.target.wants multi-user.target.wants
    ln -s ../test-prepare.service ../test-early.service "$path/lib/systemd/system/regd.service" sysinit.target.wants/
    ln -s ../test-check.service multi-user.target.wants/
    ln -s multi-user.target default.target
    mkdir getty.target.wants
    ln -s ../getty@.service getty.target.wants/getty@tty1.service
  '';

  # A program that one system has and the other has not, and its derivation as a runtime dependency.
  application = version: run "application-${version}" { inherit version tools; } ''
    mkdir -p "$out/bin"
    printf '#!%s sh\necho "application %s"\n' "$tools/bin/busybox" "$version" > "$out/bin/application"
    chmod +x "$out/bin/application"
  '';
  derivations = version: run "derivations-${version}" {
    files = map (path: builtins.unsafeDiscardOutputDependency path.drvPath) [ (application version) initrd ];
  } "echo $files > $out";

  # Bytes that do not shrink, more than a block of an image: they stand in it as they are. It is a part of the
  # compressed kernel; nothing in the system reads it.
  noise = run "noise" { inherit kernel; } ''
    tail -c +2000001 "$root/boot/vmlinuz-$kernel" | head -c 1500000 > "$out"
  '';

  small = run "small-paths" {
    files = builtins.genList (i: builtins.toFile "small-${toString i}" "small path ${toString i}\n") 1500;
    passAsFile = [ "files" ];
  } ''cp "$filesPath" "$out"'';

  toplevel = version: extra: run "nixos-system-live-${version}" {
    inherit linux initrd path etc tools extra noise version kernelName serial;
    platform = system;
    application = application version;
    derivations = derivations version;
    init = ./stage2.sh;
  } ''
    mkdir "$out"
    cd "$out"
    ln -s "$linux/$kernelName" kernel
    ln -s "$initrd/initrd" initrd
    ln -s "$path" sw
    ln -s "$etc" etc
    ln -s "$application" application
    sed -e "1s|.*|#!$tools/bin/sh|" -e "s|@out@|$out|g" -e "s|@tools@|$tools|g" "$init" > init
    chmod +x init
    printf '%s' "console=''${serial}0,115200n8" ' panic=5 loglevel=6 net.ifnames=0 mitigations=off audit=0 apparmor=0' \
      ' no_timer_check cryptomgr.notests systemd.show_status=no' > kernel-params
    printf '%s' "$platform" > system
    printf '%s' "$version" > nixos-version
    printf '%s\n' $derivations $noise $extra > extra-dependencies
    cat > boot.json << END
    {"org.nixos.bootspec.v1": {"system": "$platform", "label": "Live $version", "toplevel": "$out", "init": "$out/init",
      "kernel": "$linux/$kernelName", "initrd": "$initrd/initrd",
      "kernelParams": ["$(sed 's/ /", "/g' kernel-params)"]},
     "org.nixos.specialisation.v1": {}}
    END
  '';

in {
  first = toplevel "1" [ ];
  second = toplevel "2" [ ];
  many = toplevel "1" [ small ];
}
