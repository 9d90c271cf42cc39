# What this folder has, for whoever imports it: the package and the paths of the modules.

{ pkgs ? import <nixpkgs> { } }:

{
  regd = pkgs.callPackage ./package.nix { };
  module = ./module.nix;
  registration = ./registration.nix;
  iso = ./iso.nix;
  repart = ./repart.nix;
}
