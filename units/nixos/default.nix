# What this folder has, for whoever imports it: the package and the path of the module.

{ pkgs ? import <nixpkgs> { } }:

{
  regd = pkgs.callPackage ./package.nix { };
  module = ./module.nix;
}
