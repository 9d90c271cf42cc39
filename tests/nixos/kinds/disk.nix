# What is unpacked or written to a disk with /nix-path-registration in its root, which is loaded once and deleted: sd-image,
# and the containers of LXC, Proxmox and Docker.

{ lib, ... }:

if lib.versionOlder lib.trivial.release "26.05" then {
  boot.postBootCommands = ''
    if [ -f /nix-path-registration ]; then
      load-database < /nix-path-registration && rm /nix-path-registration
    fi
  '';
} else {
  systemd.services.register-nix-paths = {
    unitConfig = { DefaultDependencies = false; ConditionPathExists = "/nix-path-registration"; };
    wantedBy = [ "sysinit.target" ];
    before = [ "sysinit.target" "shutdown.target" "nix-daemon.socket" "nix-daemon.service" ];
    after = [ "local-fs.target" ];
    script = "load-database < /nix-path-registration; rm /nix-path-registration";
  };
}
