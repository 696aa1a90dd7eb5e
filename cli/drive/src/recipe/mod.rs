//! Making secrets and values: built-ins by ourselves, scripts in a sandbox.
//!
//! What is made and what it is made from is held in [`Bytes`], which are wiped when they are dropped, and is never in a file outside of the
//! sandbox's memory, in an argument or in a variable of any process. Errors name recipes and outputs, never content.

mod certificate;
mod hash;
mod keys;
pub mod random;
mod sandbox;
mod text;

use crate::process::Stop;
use infra_model::recipe::{Clear, How, Job, Make};
use infra_model::{Code, Diagnostic, HostName, NeedName};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// Content that is wiped when it is dropped.
pub type Bytes = Zeroizing<Vec<u8>>;

/// How long a script may take, unless somebody says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// What a job is done with.
#[derive(Debug)]
pub struct Given {
    /// What it is made from, by need.
    pub needs: BTreeMap<NeedName, Bytes>,
    /// What a person answered.
    pub prompts: BTreeMap<NeedName, Bytes>,
    /// Packages of a script, bash and coreutils among them: [`crate::nix::packages`]. None: this machine's programs.
    pub packages: Vec<PathBuf>,
    /// The time from which certificates are valid.
    pub now: SystemTime,
    /// How long a script may take.
    pub timeout: Duration,
}

/// A short name of a text: 128 bits of its SHA-256. For the seeds of recipes and what they watch, never for anything secret.
pub fn digest(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .take(16)
        .fold(String::new(), |mut short, byte| {
            // Writing to a text cannot fail.
            let _ = write!(short, "{byte:02x}");
            short
        })
}

/// The keys a host is known by.
#[derive(Debug)]
pub struct HostKeys {
    /// Its SSH host key.
    pub ssh: Bytes,
    /// The public line of that.
    pub ssh_public: String,
    /// Its age identity.
    pub age: Bytes,
    /// The recipient of that.
    pub age_public: String,
}

/// New keys for a host.
pub fn host_keys(host: &HostName) -> Result<HostKeys, Diagnostic> {
    let (ssh, ssh_public) = keys::ssh(&format!("root@{host}"))?;
    let (age, age_public) = keys::age();
    Ok(HostKeys {
        ssh,
        ssh_public,
        age,
        age_public,
    })
}

/// Does a job. The answer has all its products, by the need that is filled with them.
pub async fn make(
    job: &Job,
    given: &Given,
    stop: Stop,
) -> Result<BTreeMap<NeedName, Bytes>, Diagnostic> {
    match &job.how {
        How::Builtin(how) => built_in(job, how, given),
        How::Script { script, .. } => {
            let mut outputs = sandbox::run(job, script, given, stop).await?;
            let mut made = BTreeMap::new();
            for (need, product) in &job.products {
                let Some(mut content) = outputs.remove(&product.output) else {
                    return Err(missing(job, &product.output));
                };
                if !product.secret {
                    without_line_end(&mut content);
                }
                made.insert(need.clone(), content);
            }
            Ok(made)
        }
    }
}

fn missing(job: &Job, output: &NeedName) -> Diagnostic {
    fault(job, format!("{} left no `{output}` in $out", said(job))).with_fix(format!(
        "let its script write $out/{output}, or take it out of `outputs`"
    ))
}

/// A value is a text; the line end that a program prints after it is not a part of it.
fn without_line_end(content: &mut Bytes) {
    if content.last() == Some(&b'\n') {
        content.pop();
        if content.last() == Some(&b'\r') {
            content.pop();
        }
    }
}

fn built_in(job: &Job, how: &Make, given: &Given) -> Result<BTreeMap<NeedName, Bytes>, Diagnostic> {
    let (main, extra) = match how {
        Make::Password { length, characters } => (text::password(*length, characters)?, None),
        Make::Hex { bytes } => (text::hex(*bytes)?, None),
        Make::Passphrase { words, separator } => (text::passphrase(*words, separator)?, None),
        Make::SshEd25519 { comment } => two(keys::ssh(comment)?),
        Make::Age => two(keys::age()),
        Make::Wireguard { preshared: true } => (keys::wireguard_preshared()?, None),
        Make::Wireguard { preshared: false } => two(keys::wireguard()?),
        Make::X509Ca { .. } | Make::X509Cert { .. } => two(certificate::make(job, how, given)?),
        Make::PasswordHash(clear) => {
            let clear = clear_text(job, clear, given)?;
            let hashed = hash::yescrypt(&clear.0)?;
            (hashed, clear.1.then_some(clear.0))
        }
    };
    let mut made = BTreeMap::from([(job.id.name.clone(), main)]);
    if let Some(extra) = extra {
        let name = job.products.keys().find(|need| **need != job.id.name);
        made.extend(name.map(|name| (name.clone(), extra)));
    }
    match job.products.keys().find(|need| !made.contains_key(*need)) {
        Some(need) => Err(missing(job, need)),
        None => Ok(made),
    }
}

fn two((secret, public): (Bytes, String)) -> (Bytes, Option<Bytes>) {
    (secret, Some(Zeroizing::new(public.into_bytes())))
}

/// The password to hash, and whether it was made for that.
fn clear_text(job: &Job, clear: &Clear, given: &Given) -> Result<(Bytes, bool), Diagnostic> {
    let mut content = match clear {
        Clear::Generated(length) => {
            let characters: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
            return Ok((text::password(*length, &characters)?, true));
        }
        Clear::Need(need) => need_of(job, given, need)?.clone(),
        Clear::Prompt(prompt) => given.prompts.get(prompt).cloned().ok_or_else(|| {
            fault(
                job,
                format!("{} asks for `{prompt}`, and nobody answered", said(job)),
            )
            .with_fix("run it on a terminal")
        })?,
    };
    // Nobody can type a line end into a login.
    without_line_end(&mut content);
    if content.is_empty() || content.contains(&0) || content.contains(&b'\n') {
        return Err(fault(
            job,
            format!("{} got a password that nobody could type", said(job)),
        )
        .with_cause("it is empty, or has line ends or NUL in it")
        .with_fix("give it another"));
    }
    Ok((content, false))
}

/// Something that the job is made from.
fn need_of<'a>(job: &Job, given: &'a Given, need: &NeedName) -> Result<&'a Bytes, Diagnostic> {
    given.needs.get(need).ok_or_else(|| {
        fault(
            job,
            format!("{} needs `{need}`, which is not filled", said(job)),
        )
        .with_fix(format!("fill `{need}` first, or give it a recipe"))
    })
}

/// `the recipe x`.
fn said(job: &Job) -> String {
    format!("the recipe `{}` for {}", job.recipe, job.id)
}

/// A fault of a recipe, at the place where that is declared.
fn fault(job: &Job, title: String) -> Diagnostic {
    let mut fault = Diagnostic::new(Code::RecipeFailed, title);
    fault.place = job.place();
    fault
}

/// Something that cannot happen with keys that we made ourselves.
fn broken(what: &str, error: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::new(Code::Internal, format!("{what} could not be made"))
        .with_cause(error.to_string())
        .with_fix("this is a bug: please report it")
}

#[cfg(test)]
mod tests;
