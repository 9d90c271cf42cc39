# Registers the store paths of an image at boot, by regd, on every kind of image: see the table in README.md.
#
# Unit     regd.service, which is the package's. It takes the place of nixpkgs' register-nix-paths.service: that name is an
#          alias, for units that are ordered behind it, and the conditions, orderings and the user that nixpkgs gives it hold.
# Early    Before NixOS 26.05, images register their paths in boot.postBootCommands, and others there rely on it
#          (cd-dvd/channel.nix). There regd runs before everything else in them; the unit finds nothing left to do.

{ config, lib, options, pkgs, ... }:

let
  inherit (lib) concatStringsSep filterAttrs hasPrefix mkBefore mkDefault mkForce mkIf mkOption optional optionalAttrs types;

  cfg = config.services.regd;
  example = lib.literalExpression or lib.literalExample;

  classic = config.systemd.services.register-nix-paths;
  hasSameSystem = pkgs.stdenv.buildPlatform.system == pkgs.stdenv.hostPlatform.system;

  # An /etc that is built with the system takes no file at boot.
  etc = config.system.etc.overlay or { };
  isEtcSealed = (etc.enable or false) && !(etc.mutable or true);
  isTagSealed = isEtcSealed && cfg.tag != null && hasPrefix "/etc/" cfg.tag;

  # What the sandbox lets it write besides /nix: the directory in which it creates the tag, or none.
  tagDirectories = optional (cfg.tag != null && !isTagSealed) (dirOf cfg.tag);
  isUsualTag = tagDirectories == [ "/etc" ];

  arguments = optional (cfg.setProfile == "always") "--set-profile=always"
    ++ optional (cfg.setProfile == "never") "--no-profile"
    ++ optional (cfg.tag == null) "--no-tag"
    ++ optional (cfg.tag != null && cfg.tag != "/etc/NIXOS") "--tag=${cfg.tag}"
    ++ optional (cfg.vanished != null) "--vanished=${cfg.vanished}"
    ++ optional cfg.deleteManifest "--delete-manifest"
    ++ cfg.manifests;
  command = concatStringsSep " " ([ "${cfg.package}/bin/regd boot" ] ++ arguments);

  # The package's drop-in for containers, where systemd looks for it.
  withoutSandbox = pkgs.runCommand "regd-without-sandbox" { } ''
    mkdir -p "$out/lib/systemd/system/regd.service.d"
    ln -s ${cfg.package}/share/regd/regd-container.conf "$out/lib/systemd/system/regd.service.d/"
  '';
in
{
  options.services.regd = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Register the store paths of the image at boot, create the tag, and set the system profile.";
    };

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = example "pkgs.callPackage ./package.nix { }";
      description = "The package with regd and regd-build, for the machine that boots.";
    };

    buildPackage = mkOption {
      type = types.package;
      default = if hasSameSystem then cfg.package else pkgs.buildPackages.callPackage ./package.nix { };
      defaultText = example "pkgs.buildPackages.callPackage ./package.nix { }";
      description = "The same package for the machine that builds images.";
    };

    manifests = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "/nix-path-registration" ];
      description = "Manifests to register. Default: those that regd finds, see regd(8).";
    };

    deleteManifest = mkOption {
      type = types.bool;
      default = false;
      description = "Delete the manifests after a complete registration.";
    };

    tag = mkOption {
      type = types.nullOr types.str;
      default = "/etc/NIXOS";
      description = "The file that marks a NixOS system. null creates none.";
    };

    setProfile = mkOption {
      type = types.enum [ "missing" "always" "never" ];
      default = "missing";
      description = "Set the system profile only if it is missing or dangling, at every boot, or never.";
    };

    vanished = mkOption {
      type = types.nullOr (types.enum [ "forget" "keep" ]);
      default = null;
      description = ''
        What happens to paths that are valid, but no longer in the store, such as those that only a former image had. By
        default they are forgotten, unless `manifests` is set: then the store may be one that is not whole.
      '';
    };

    before = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "deploy.service" ];
      description = "Units that start after the registration. sysinit.target and the Nix daemon do anyway.";
    };

    sandbox = mkOption {
      type = types.bool;
      default = !(config.boot.isContainer or false);
      defaultText = example "!config.boot.isContainer";
      description = "Run regd in a sandbox of systemd. Many containers do not permit that.";
    };

    early = mkOption {
      type = types.bool;
      default = lib.versionOlder lib.trivial.release "26.05" && !(config.system.nixos-init.enable or false);
      defaultText = example ''lib.versionOlder lib.trivial.release "26.05"'';
      description = "Register before everything else in boot.postBootCommands, and not only in regd.service.";
    };
  };

  config = mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.etc = mkIf isTagSealed { ${lib.removePrefix "/etc/" cfg.tag}.text = ""; };

    boot.postBootCommands = mkIf cfg.early (mkBefore ''
      ${command}
    '');

    # NixOS does not heed a package's [Install].
    systemd.packages = [ cfg.package ] ++ optional (!cfg.sandbox) withoutSandbox;
    systemd.services.regd = {
      wantedBy = [ "sysinit.target" ];
      before = cfg.before ++ classic.before;
      # Where another user than root runs Nix, systemd-tmpfiles gives /nix/var to it.
      after = classic.after ++ optional (classic.serviceConfig ? User) "systemd-tmpfiles-setup.service";
      inherit (classic) requiredBy;
      aliases = [ "register-nix-paths.service" ];
      restartIfChanged = false;
      unitConfig = filterAttrs (name: value: hasPrefix "Condition" name || hasPrefix "Assert" name) classic.unitConfig;
      serviceConfig = filterAttrs (name: value: name == "User" || name == "Group") classic.serviceConfig
        // optionalAttrs (arguments != [ ]) { ExecStart = [ "" command ]; }
        # A manifest is deleted in /, which "strict" seals; /usr, /boot and the like stay sealed. "full" seals /etc, too, and
        # there ReadWritePaths=/etc opens nothing: of two entries for one path systemd takes the stricter.
        // optionalAttrs (cfg.deleteManifest && cfg.sandbox) { ProtectSystem = if isUsualTag then "yes" else "full"; }
        // optionalAttrs (!isUsualTag && cfg.sandbox) {
          ReadWritePaths = [ "" "/nix" ] ++ map (directory: "-${directory}") tagDirectories;
        };
    };

    # The alias takes its name.
    systemd.services.register-nix-paths.enable = mkForce false;
  };
}
