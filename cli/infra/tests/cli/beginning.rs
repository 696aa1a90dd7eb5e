//! `init`: a repository that was not there, and nothing written over.

use crate::creation::files;
use crate::env::{Env, HOST, KEY, shows};
use std::fs;

#[test]
fn a_new_repository() {
    let env = Env::new();
    env.side_file("home/.ssh/id_ed25519.pub", KEY);
    env.side_file("home/.ssh/id_ecdsa.pub", "ecdsa-sha2-nistp256 AAAA me\n");
    env.side_file("home/.ssh/copy.pub", KEY);
    shows!(env, ["init", "our hosts"], @"
    exit 0
    --- stdout
    made a repository in our hosts
      .gitignore
      README.md
      flake.nix
      hosts/web/configuration.nix
      hosts/web/host.toml
      infra.toml
      modules/base/default.nix
      .git
    next:
      cd 'our hosts' && git add --all && nix flake lock   # fixes the versions of nixpkgs and infra
      infra new host NAME --address ADDRESS   # or begin with the example: hosts/web
    --- stderr
    ");
    let root = env.repo().join("our hosts");
    insta::assert_snapshot!(files(&root).join("\n"), @"
    .gitignore
    README.md
    flake.nix
    hosts
    hosts/web
    hosts/web/configuration.nix
    hosts/web/host.toml
    infra.toml
    modules
    modules/base
    modules/base/default.nix
    ");
    insta::assert_snapshot!(fs::read_to_string(root.join("infra.toml")).expect("there"), @r#"
    # What all hosts agree on: admins (age or SSH public keys), waves, and defaults for host.toml.
    admins = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvVJJ1SEPOSPEoXJx4eRJEkCvXVDgxaqMuA2gkWSPbt root@web"]
    "#);
    assert!(root.join(".git/HEAD").exists());
    assert!(env.run(&["list", "-C", "our hosts"]).starts_with("exit 0"));
    shows!(env, ["init", "our hosts"], @"
    exit 2
    --- stdout
    --- stderr
    error[usage]: our hosts has a flake.nix already; nothing was changed
      --> flake.nix
      fix: begin in another folder (infra init DIR), or add to its outputs: inputs.infra.lib.mkInfra { inherit inputs; root = ./.; }
    ");
    // Inside of a Git work tree there is no need of another.
    shows!(env, ["-C", "our hosts", "init", "inner", "--json"], @r#"
    exit 0
    --- stdout
    {"schema":1,"command":"init","hosts":[{"folder":"our hosts/inner","files":[".gitignore","README.md","flake.nix","hosts/web/configuration.nix","hosts/web/host.toml","infra.toml","modules/base/default.nix"],"kept":[],"admins":["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvVJJ1SEPOSPEoXJx4eRJEkCvXVDgxaqMuA2gkWSPbt root@web"],"git":false}],"errors":[]}
    --- stderr
    "#);
}

#[test]
fn nothing_is_written_over() {
    let env = Env::new();
    env.write("README.md", "ours\n");
    env.write("hosts/db/host.toml", HOST);
    env.write("modules/own/default.nix", "{ }\n");
    shows!(env, ["init", "--no-git"], @r#"
    exit 0
    --- stdout
    made a repository in .
      .gitignore
      flake.nix
      infra.toml
      README.md (was there; left as it is)
    next:
      nix flake lock   # fixes the versions of nixpkgs and infra
      infra new host NAME --address ADDRESS   # or begin with the example: hosts/web
    --- stderr
    warning[invalid-recipient]: you have no key that secrets could be encrypted to
      --> infra.toml
      cause: there is no ~/.ssh/*.pub of kind ed25519 or RSA, and no age identity
      fix: make one (ssh-keygen -t ed25519) and add its public half: admins = ["ssh-ed25519 …"]
    "#);
    assert_eq!(
        fs::read_to_string(env.repo().join("README.md")).expect("there"),
        "ours\n"
    );
    assert!(!env.repo().join("modules/base").exists());
    assert!(!env.repo().join("hosts/web").exists() && !env.repo().join(".git").exists());
    env.write("file", "");
    shows!(env, ["init", "file/below"], @"
    exit 2
    --- stdout
    --- stderr
    error[unreadable-file]: file/below cannot be made
      --> file/below
      cause: Not a directory (os error 20)
      fix: name a folder in which your user may write
    ");
    let env = Env::new().set("INFRA_IDENTITY", "nowhere");
    shows!(env, ["init"], @"
    exit 2
    --- stdout
    --- stderr
    error[missing-file]: the identity file `nowhere` does not exist
      --> INFRA_IDENTITY
      fix: correct INFRA_IDENTITY, or unset it
    ");
    assert_eq!(files(&env.repo()), [""; 0]);
}
