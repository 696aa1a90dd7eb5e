//! The reference page `nix/docs/cli.md` is what the command says of itself.
//! `INFRA_WRITE_DOCS=1 cargo test -p infra --test cli` writes it.

use crate::env::Env;
use std::fmt::Write as _;
use std::path::Path;

const COMMANDS: [&str; 40] = [
    "",
    "list",
    "info",
    "contract",
    "set",
    "get",
    "fill",
    "facts",
    "secret",
    "secret list",
    "secret recipients",
    "secret new",
    "secret edit",
    "secret import",
    "secret show",
    "secret generate",
    "secret rotate",
    "secret rekey",
    "secret rollback",
    "graph",
    "init",
    "new",
    "new host",
    "eval",
    "build",
    "plan",
    "apply",
    "deploy",
    "status",
    "history",
    "log",
    "resume",
    "rollback",
    "ssh",
    "exec",
    "why",
    "cache",
    "check",
    "doctor",
    "completions",
];

const HEAD: &str = "# The command line\n\nMade from `infra --help`; a test keeps it true. JSON answers: `schemas/`, one file a command; `event.json` is a line of the stream of\n\
`deploy` and `build`, whose last line is the answer.\n";

#[test]
fn the_reference_page_is_the_help() {
    let env = Env::new();
    let mut page = HEAD.to_owned();
    for command in COMMANDS {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let output = env.output(&args);
        assert!(output.status.success());
        let help = String::from_utf8(output.stdout).expect("UTF-8");
        let title = format!("infra {command}");
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let _ = write!(
            page,
            "\n## `{}`\n\n```text\n{}\n```\n",
            title.trim(),
            lines.join("\n").trim_end()
        );
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nix/docs/cli.md");
    if std::env::var_os("INFRA_WRITE_DOCS").is_some() {
        std::fs::write(&file, &page).expect("writable");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        found, page,
        "nix/docs/cli.md is out of date: see the head of this test"
    );
}
