//! What users are told, for logs that real versions of Nix wrote.

mod inputs;
mod options;
mod paths;
mod store;

use super::Explain;
use crate::nix::log::Log;
use crate::repo::Repo;
use infra_model::host::HostDefaults;
use infra_model::{Diagnostic, HostName, HostSpec};
use std::fs;

const SOURCE: &str = "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-source";

fn tell(fault: &Diagnostic) -> String {
    let place = fault.place.as_ref();
    format!(
        "[{}] {}\nat {} | {}\n{}\nfix: {}",
        fault.code.name(),
        fault.title,
        place.map(ToString::to_string).unwrap_or_default(),
        place.and_then(|p| p.excerpt.clone()).unwrap_or_default(),
        fault.cause.clone().unwrap_or_default(),
        fault.fix.clone().unwrap_or_default()
    )
}

/// Host web, which lists no shared folders.
fn web() -> HostSpec {
    let name = HostName::parse("web").expect("a name");
    let text = "class = \"nixos\"\nsystem = \"x86_64-linux\"";
    HostSpec::parse(&name, "f", text, &HostDefaults::default()).expect("valid")
}

fn evaluation(lines: &[String]) -> String {
    evaluation_in("", lines)
}

/// An evaluation of a repository that is a folder of a Git work tree, or (with no folder) is one of its own.
fn evaluation_in(folder: &str, lines: &[String]) -> String {
    let tree = tempfile::tempdir().expect("a folder");
    if !folder.is_empty() {
        fs::create_dir(tree.path().join(".git")).expect("writable");
    }
    let dir = tree.path().join(folder);
    let write = |file: &str, text: &str| {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
        fs::write(path, text).expect("writable");
    };
    write("flake.nix", "{ }\n");
    write(
        "hosts/web/configuration.nix",
        "{ pkgs, ... }:\n{\n  # ports = 1;\n  services.openssh.ports = \"22\";\n  imports = [ ./extra.nix ];\n}\n",
    );
    write("hosts/web/extra.nix", "{ }\n");
    write("hosts/db/secret.nix", "{ }\n");
    let repo = Repo::find(&dir).expect("a repository");
    let host = web();
    let mut log = Log::default();
    for line in lines {
        log.read(line);
    }
    let explain = Explain {
        repo: &repo,
        host: &host,
        stale: &[],
    };
    tell(&explain.evaluation(&log))
}

fn message(text: &str, own: Option<&str>, trace: &[(&str, &str)]) -> String {
    let split = |at: &str| {
        let mut parts = at.rsplitn(3, ':');
        let column: usize = parts.next().expect("a column").parse().expect("a number");
        let line: usize = parts.next().expect("a line").parse().expect("a number");
        (parts.next().expect("a file").to_owned(), line, column)
    };
    let frame = |at: &str, what: &str| {
        let (file, line, column) = split(at);
        serde_json::json!({"file": format!("{SOURCE}/{file}:{line}:{column}"), "line": line, "column": column, "raw_msg": what})
    };
    let trace: Vec<_> = trace.iter().map(|(at, what)| frame(at, what)).collect();
    let mut json = serde_json::json!({"action": "msg", "level": 0, "msg": text, "raw_msg": text, "trace": trace});
    if let Some(at) = own {
        let own = frame(at, "");
        for key in ["file", "line", "column"] {
            json[key] = own[key].clone();
        }
    }
    format!("@nix {json}")
}

#[test]
fn what_our_own_nix_code_refuses_arrives_whole() {
    let text = "infra: host `web` has no configuration\n  cause: the file is absent\n  where: hosts/web/configuration.nix\n  fix: create it\n  code: missing-file\n\
                infra: unknown key `x` in hosts/web/host.toml\n  where: hosts/web/host.toml\n  fix: remove it\n  code: unknown-key";
    insta::assert_snapshot!(evaluation(&[message(text, None, &[])]), @"
    [missing-file] host `web` has no configuration
    at hosts/web/configuration.nix | 
    the file is absent
    also: unknown key `x` in hosts/web/host.toml (fix: remove it)
    fix: create it
    ");
    // A text that only looks like it is an ordinary error.
    let other = evaluation(&[message("infra: something of the user's own", None, &[])]);
    assert!(other.starts_with("[nix-evaluation]"), "{other}");
}

#[test]
fn other_failures_have_texts_of_their_own() {
    let missing = message(
        "flake 'git+file:///x' does not provide attribute 'packages.x86_64-linux.infra.hosts.\"web\".system' or 'infra.hosts.\"web\".system'",
        None,
        &[],
    );
    let offline = message(
        "unable to download 'https://x': Could not resolve hostname",
        None,
        &[],
    );
    let all = [
        evaluation(&[missing]),
        evaluation(&[offline]),
        evaluation(&["bash: something else".to_owned()]),
        evaluation(&[]),
    ];
    insta::assert_snapshot!(all.join("\n---\n"), @r#"
    [schema-mismatch] the flake has no output for host web
    at flake.nix | 
    flake 'git+file:///x' does not provide attribute 'packages.x86_64-linux.infra.hosts."web".system' or 'infra.hosts."web".system'
    fix: let flake.nix say: outputs = inputs: inputs.infra.lib.mkInfra { inherit inputs; root = ./.; }; and if it does, track the host's folder (git add)
    ---
    [input-unreachable] the configuration of web needs https://x, which cannot be fetched
    at  | 
    unable to download 'https://x': Could not resolve hostname
    fix: connect to the network once, so that Nix can fetch what is not in its store yet (all inputs at once: nix flake archive)
    ---
    [nix-failure] Nix could not evaluate web
    at  | 
    bash: something else
    fix: see that Nix itself works: infra doctor
    ---
    [nix-failure] Nix could not evaluate web
    at  | 

    fix: see that Nix itself works: infra doctor
    "#);
}
