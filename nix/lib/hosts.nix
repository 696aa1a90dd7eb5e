# All hosts of a repository: a folder below `hosts/` is one. Names cost one directory listing; each record is read when it is asked for.
{
  lib,
  problem,
  folders,
  host,
  settings,
}:
root:
let
  names = folders.below (root + "/hosts");

  none = {
    code = "no-hosts";
    title = "the repository has no host";
    where = "hosts/";
    fix = "make one: a folder hosts/<name> with host.toml and configuration.nix (`nix flake init -t github:infra-nix/infra` makes a first)";
  };

  agreed = settings.read root;
in
problem.unless (lib.optional (names == [ ]) none) (
  lib.genAttrs names (
    name:
    # infra.toml is checked even when this host needs none of its defaults: a slip in it must not wait for the host that does.
    builtins.seq agreed (
      host.read {
        inherit root name;
        settings = agreed;
      }
    )
  )
)
