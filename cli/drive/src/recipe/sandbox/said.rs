//! What the sandbox says, read.

use super::super::{Bytes, fault, said as named};
use crate::plain::strip_colours;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra_model::recipe::{Job, OUTPUT_LIMIT};
use infra_model::{Diagnostic, NeedName};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The lines of `sandbox.sh`.
#[derive(Default)]
pub(super) struct Said {
    /// Whether the script was begun.
    pub(super) ready: bool,
    /// How it ended.
    pub(super) code: Option<i32>,
    /// What it left.
    pub(super) files: BTreeMap<NeedName, Bytes>,
    /// Files that are too large.
    large: Vec<String>,
    /// What is there and is no file, or whose name is none that a need could have.
    odd: Vec<String>,
}

impl Said {
    pub(super) fn read(answer: &[u8]) -> Self {
        let mut said = Self::default();
        for line in answer.split(|byte| *byte == b'\n') {
            let mut words = line.splitn(3, |byte| *byte == b' ');
            let mut word = || words.next().unwrap_or_default();
            let (kind, name, content) = (word(), word(), word());
            let name = String::from_utf8_lossy(name);
            match kind {
                b"ready" => said.ready = true,
                b"end" => said.code = name.parse().ok(),
                b"large" => said.large.push(name.into_owned()),
                b"odd" => said.odd.push(format!("{name} is no file")),
                b"strange" => said
                    .odd
                    .push("a file whose name is none for a need".to_owned()),
                b"file" => said.file(&name, content),
                _ => {}
            }
        }
        said
    }

    fn file(&mut self, name: &str, content: &[u8]) {
        let Ok(need) = NeedName::parse(name) else {
            self.odd.push(format!("{name} is no name of a need"));
            return;
        };
        let mut bytes = Zeroizing::new(vec![0; content.len() / 4 * 3 + 3]);
        match STANDARD.decode_slice(content, &mut bytes) {
            Ok(length) if length <= OUTPUT_LIMIT => {
                bytes.truncate(length);
                self.files.insert(need, bytes);
            }
            _ => self.large.push(name.to_owned()),
        }
    }

    /// Whether exactly the declared outputs were left.
    pub(super) fn faults(&self, job: &Job, declared: &[&NeedName]) -> Result<(), Diagnostic> {
        let names: Vec<&str> = declared.iter().map(|name| name.as_str()).collect();
        if let Some(large) = self.large.first() {
            let title = format!("{} wrote more than 1 MiB into $out/{large}", named(job));
            return Err(fault(job, title).with_fix(
                "keep large files elsewhere, encrypted, and make only their key a secret",
            ));
        }
        let extra = self.files.keys().find(|name| !declared.contains(name));
        let extra = extra
            .map(ToString::to_string)
            .or_else(|| self.odd.first().cloned());
        if let Some(extra) = extra {
            let title = format!(
                "{} left something in $out that is none of its outputs",
                named(job)
            );
            return Err(fault(job, title)
                .with_cause(format!("found: {extra}\noutputs: {}", names.join(", ")))
                .with_fix("declare it in `outputs`, or write it to $TMPDIR"));
        }
        for name in declared {
            match self.files.get(*name) {
                None => return Err(super::super::missing(job, name)),
                Some(content) if content.is_empty() => {
                    let title = format!("{} left an empty $out/{name}", named(job));
                    return Err(fault(job, title).with_fix("let its script write something"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// The end of what a script printed, with everything taken out that it was given or made.
pub(super) fn blotted<'a>(stderr: &[u8], secrets: impl Iterator<Item = &'a Bytes>) -> String {
    const LINES: usize = 20;
    const BLOT: &str = "[…]";
    /// Anything shorter is in every text by chance.
    const SHORTEST: usize = 4;
    let mut text = strip_colours(&String::from_utf8_lossy(stderr));
    let mut parts: Vec<Zeroizing<String>> = Vec::new();
    for secret in secrets {
        let content = Zeroizing::new(String::from_utf8_lossy(secret).into_owned());
        let lines = content.lines().chain([content.trim()]);
        let long = lines.map(str::trim).filter(|line| line.len() >= SHORTEST);
        parts.extend(long.map(|line| Zeroizing::new(line.to_owned())));
    }
    // A part of another one would leave the rest of it.
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    for part in &parts {
        text = text.replace(part.as_str(), BLOT);
    }
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = lines.len().saturating_sub(LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::blotted;
    use zeroize::Zeroizing;

    #[test]
    fn what_was_given_is_blotted_out() {
        let secret = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let secrets = [
            secret("hunter2\n"),
            secret("first line\nsecond line"),
            secret("x"),
            secret("hunter2-and-more"),
        ];
        let said = b"+ echo hunter2\n\n\x1b[31mhunter2-and-more, second line; x\x1b[0m\nfine";
        assert_eq!(
            blotted(said, secrets.iter()),
            "+ echo […]\n[…], […]; x\nfine"
        );
    }
}
