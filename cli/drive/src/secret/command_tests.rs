//! Stores that are commands: what they print, and all they may do wrong.

use super::command::{Asked, StoreCommand};
use super::{LIMIT, Secret};
use crate::process::Stop;
use infra_model::{Code, Diagnostic};
use std::time::{Duration, Instant};

const ASKED: Asked<'static> = Asked {
    name: "db",
    path: "hosts/web/db",
    text: true,
};

async fn run_within(
    command: &[&str],
    asked: Asked<'_>,
    seconds: u64,
) -> Result<Secret, Diagnostic> {
    let store = StoreCommand {
        name: "vault".to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        timeout: Duration::from_secs(seconds),
    };
    store.read(asked, Stop::never()).await
}

async fn run(command: &[&str]) -> Result<Secret, Diagnostic> {
    run_within(command, ASKED, 60).await
}

#[tokio::test]
async fn what_is_printed_is_the_secret() {
    let found = run(&["printf", "%s.%s\n\n", "{name}", "x{path}{other}{"])
        .await
        .expect("runs");
    assert_eq!(found.expose_text(), Some("db.xhosts/web/db{other}{\n"));
    let binary = Asked {
        text: false,
        ..ASKED
    };
    let found = run_within(&["printf", "\\377\\n"], binary, 60)
        .await
        .expect("runs");
    assert_eq!(found.expose(), [255, b'\n']);
}

#[tokio::test]
async fn what_is_filled_in_is_not_filled_in_again() {
    let asked = Asked {
        path: "{name}",
        ..ASKED
    };
    let found = run_within(&["printf", "%s", "{path}"], asked, 60)
        .await
        .expect("runs");
    assert_eq!(found.expose_text(), Some("{name}"));
}

#[tokio::test]
async fn failures_say_what_the_program_said_and_not_what_it_printed() {
    let script =
        "printf 's3cr3t-value'; echo 'cannot unlock' >&2; echo 'got s3cr3t-value' >&2; exit 3";
    let fault = run(&["sh", "-c", script]).await.expect_err("failed");
    assert_eq!(fault.code, Code::SecretUnreadable);
    let shown = format!("{fault:?}");
    assert!(
        shown.contains("`vault`") && shown.contains("`db`") && shown.contains("cannot unlock"),
        "{shown}"
    );
    let cause = fault.cause.expect("a cause");
    assert!(!cause.contains("s3cr3t-value"), "{cause}");
}

#[tokio::test]
async fn a_program_that_is_missing_silent_or_too_loud_is_refused() {
    let table: [(&[&str], Code); 5] = [
        (&["no-such-program"], Code::MissingProgram),
        (&[], Code::MissingKey),
        (&["true"], Code::SecretUnreadable),
        (&["echo"], Code::SecretUnreadable),
        (
            &["head", "-c", "2000000", "/dev/zero"],
            Code::SecretTooLarge,
        ),
    ];
    for (command, code) in table {
        let fault = run(command).await.expect_err("refused");
        assert_eq!(fault.code, code, "{fault:?}");
        assert!(fault.fix.is_some(), "{fault:?}");
    }
    let most = format!("head -c {LIMIT} /dev/zero; head -c 300000 /dev/zero >&2");
    assert_eq!(run(&["sh", "-c", &most]).await.expect("fits").len(), LIMIT);
}

#[tokio::test]
async fn a_program_without_an_end_is_ended() {
    let begun = Instant::now();
    for script in ["exec sleep 600", "exec cat /dev/zero"] {
        let fault = run_within(&["sh", "-c", script], ASKED, 1)
            .await
            .expect_err("ended");
        let late = script.contains("sleep");
        let code = if late {
            Code::SecretUnreadable
        } else {
            Code::SecretTooLarge
        };
        assert_eq!(fault.code, code, "{fault:?}");
        assert_eq!(
            late,
            fault.title.contains("took longer than 1 s"),
            "{fault:?}"
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn it_is_asked_nothing() {
    let found = run(&["sh", "-c", "cat; printf end"]).await.expect("runs");
    assert_eq!(found.expose_text(), Some("end"));
}
