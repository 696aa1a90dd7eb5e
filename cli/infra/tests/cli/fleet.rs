//! How many processes of Nix a fleet costs: what changed counts, not how many hosts there are.

use crate::env::{Env, HOST};
use std::fmt::Write as _;
use std::io::Write as _;

const HOSTS: usize = 100;

/// Answers are believed while their derivations are in the store. This makes a store of empty files that has those of the fake, for one
/// command alone: in a mount namespace of its own.
fn with_store(env: &Env) -> String {
    let mut drvs = String::new();
    for number in 0..HOSTS {
        writeln!(
            drvs,
            "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-h{number}.drv"
        )
        .expect("a String");
    }
    let list = env.side_file("drvs", &drvs);
    format!(
        r#"exec unshare --map-root-user --mount --propagation private sh -c '
            mount -t tmpfs none /nix && mkdir /nix/store && xargs touch < "{list}" && exec "$@"' sh "$@""#
    )
}

fn a_fleet() -> Env {
    let env = Env::new();
    env.write("flake.nix", "{ outputs = _: { }; }\n");
    env.write("modules/base/default.nix", "{ }\n");
    for number in 0..HOSTS {
        env.write(&format!("hosts/h{number}/host.toml"), HOST);
        env.write(&format!("hosts/h{number}/configuration.nix"), "{ }\n");
    }
    env.set("FAKE_EACH_DOES", r#"echo "evaluated $host" >> "$FAKE_LOG""#)
}

#[test]
fn only_what_changed_costs_a_process() {
    let env = a_fleet();
    let script = with_store(&env);
    if !env.in_shell(&script, &["list"]).status.success() {
        let _ = writeln!(
            std::io::stderr(),
            "not run: only_what_changed_costs_a_process needs a folder /nix and the right to mount over it in a namespace"
        );
        return;
    }
    let mut seen = 0;
    let mut calls = |words: &[&str]| -> Vec<String> {
        let output = env.in_shell(&script, words);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let new = env.calls().split_off(seen);
        seen += new.len();
        new
    };
    let all = ["eval", "--all", "--json"];
    let first = calls(&all);
    let of = |calls: &[String], what: &str| calls.iter().filter(|call| *call == what).count();
    assert_eq!(of(&first, "nix eval"), HOSTS);
    assert_eq!(
        of(&first, "nix --version"),
        1,
        "asked once, however many hosts begin at the same time"
    );
    assert_eq!(calls(&all), [""; 0], "nothing changed");

    env.write("README.md", "read by no host\n");
    env.write("secrets/shared/x.age", "read by no evaluation\n");
    assert_eq!(calls(&all), [""; 0], "unrelated files");

    env.write("hosts/h42/configuration.nix", "{ changed = true; }\n");
    assert_eq!(calls(&["eval", "h41", "--json"]), [""; 0]);
    assert_eq!(calls(&all), ["nix eval", "evaluated h42"]);

    env.write("modules/base/default.nix", "{ changed = true; }\n");
    assert_eq!(of(&calls(&all), "nix eval"), HOSTS, "what all share");
}
