//! Receipts of other machines: exchanged through the `git` program, which knows the user's remotes, keys and proxies.

use super::git::{Ledger, Moved, REF};
use super::unkept;
use crate::plain::strip_colours;
use crate::process::{Ended, Stop, Tool};
use infra_model::{Diagnostic, Place};

/// How often to try again when somebody else pushes at the same time.
const TRIES: u32 = 5;

/// Takes over what a remote has. [`Moved::No`]: nothing was new.
pub(super) async fn fetch(
    ledger: &Ledger,
    remote: &str,
    by: &str,
    stop: &Stop,
) -> Result<Moved, Diagnostic> {
    // A remote that has none is not a failure, and the words of git that would tell are not ours to read.
    let listed = git(
        ledger,
        ("look at", remote),
        &["ls-remote", "--", remote, REF],
        stop,
    )
    .await?;
    if listed.stdout.trim().is_empty() {
        return Ok(Moved::No);
    }
    // A name of its own, so that two exchanges at once do not meet.
    let incoming = format!("refs/infra/incoming-{}", std::process::id());
    let spec = format!("+{REF}:{incoming}");
    let words = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--",
        remote,
        &spec,
    ];
    let fetched = git(ledger, ("fetch from", remote), &words, stop).await;
    let merged = match fetched {
        Err(fault) => Err(fault),
        Ok(_) => match ledger.tip_of(&incoming)? {
            None => Ok(Moved::No),
            Some(tip) => ledger.merge(tip, by),
        },
    };
    ledger.drop_ref(&incoming);
    merged
}

/// Gives a remote what it has not, after having taken over what it has.
pub(super) async fn push(
    ledger: &Ledger,
    remote: &str,
    by: &str,
    stop: &Stop,
) -> Result<Moved, Diagnostic> {
    let spec = format!("{REF}:{REF}");
    // A hook before pushes is about the user's own commits.
    let words = ["push", "--quiet", "--no-verify", "--", remote, &spec];
    let mut tries = 0;
    loop {
        fetch(ledger, remote, by, stop).await?;
        let Some(tip) = ledger.tip()? else {
            return Ok(Moved::No);
        };
        let listed = git(
            ledger,
            ("look at", remote),
            &["ls-remote", "--", remote, REF],
            stop,
        )
        .await?;
        if listed.stdout.split_whitespace().next() == Some(tip.to_string().as_str()) {
            return Ok(Moved::No);
        }
        tries += 1;
        match git(ledger, ("push to", remote), &words, stop).await {
            Ok(_) => return Ok(Moved::Yes),
            Err(fault) if tries >= TRIES => return Err(fault),
            // Somebody else was faster, perhaps: then their receipts are taken over first.
            Err(_) => {}
        }
    }
}

async fn git(
    ledger: &Ledger,
    (what, remote): (&str, &str),
    words: &[&str],
    stop: &Stop,
) -> Result<Ended, Diagnostic> {
    let mut said = String::new();
    let ended = Tool::new("git")
        .arg("--git-dir")
        .arg(ledger.dir())
        .args(words.iter().copied())
        .run(stop.clone(), &mut |line| {
            said.push_str(line);
            said.push('\n');
        })
        .await?;
    if ended.status.success() {
        return Ok(ended);
    }
    Err(unkept(format!("git could not {what} {remote}"))
        .with_cause(strip_colours(said.trim()))
        .with_place(Place::file(format!("remote {remote}")))
        .with_fix(format!(
            "see that `git ls-remote {remote}` works, and that you may write there"
        )))
}
