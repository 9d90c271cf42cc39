# A virtual machine that the kernel's parameter regInfo= tells its manifest (qemu-vm).

{ lib, ... }:

if lib.versionOlder lib.trivial.release "26.05" then {
  boot.postBootCommands = ''
    load-database < "$regInfo"
  '';
} else {
  systemd.services.register-nix-paths = {
    unitConfig = { ConditionKernelCommandLine = "regInfo"; };
    requiredBy = [ "nix-daemon.service" ];
    serviceConfig = { Type = "oneshot"; User = "nix"; Group = "nix"; };
    script = "load-database < $regInfo";
  };
}
