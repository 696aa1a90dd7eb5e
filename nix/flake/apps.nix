# `nix run github:infra-nix/infra -- deploy web`.
{ lib, packages }:
lib.optionalAttrs (packages ? infra) (
  let
    infra = {
      type = "app";
      program = "${packages.infra}/bin/infra";
      meta.description = packages.infra.meta.description;
    };
  in
  {
    inherit infra;
    default = infra;
  }
)
