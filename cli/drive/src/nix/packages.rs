//! Packages that scripts of recipes call.

use super::{evaluator, run, store_faults};
use crate::process::Stop;
use infra_model::{Code, Diagnostic};
use std::path::PathBuf;

/// What runs a script and what every script takes for granted.
const ALWAYS: [&str; 2] = ["bash", "coreutils"];

/// Store paths of packages of the nixpkgs that the lock of the flake at `flake` names, with bash and coreutils; built or fetched if they are
/// not there. No names: no paths.
pub async fn packages(
    flake: &str,
    names: &[String],
    stop: Stop,
) -> Result<Vec<PathBuf>, Diagnostic> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(wrong) = names.iter().find(|name| !is_attribute(name)) {
        return Err(Diagnostic::new(
            Code::InvalidRecipe,
            format!("`{wrong}` cannot be the name of a package"),
        )
        .with_fix(
            "write names as nixpkgs has them: letters, digits and _-+, parts separated by dots",
        ));
    }
    let mut wanted: Vec<&str> = names.iter().map(String::as_str).chain(ALWAYS).collect();
    wanted.sort_unstable();
    wanted.dedup();
    // `--inputs-from` makes `nixpkgs` mean the flake's locked input of that name, and not what this machine's registry says today.
    let tool = evaluator(&["build"])
        .args(["--no-link", "--print-out-paths", "--inputs-from", flake])
        .args(wanted.iter().map(|name| format!("nixpkgs#{name}")));
    let (ended, log) = run(tool, stop, &mut |_, _| {}).await?;
    if !ended.status.success() {
        let complaint = log.complaint();
        let title = format!("the packages {} could not be had", wanted.join(", "));
        return Err(Diagnostic::new(Code::BuildFailed, title)
            .with_cause(if complaint.is_empty() {
                ended.status.to_string()
            } else {
                store_faults::tail(&complaint)
            })
            .with_fix(
                "correct the recipe's `packages`: names of the repository's input `nixpkgs`",
            ));
    }
    Ok(ended.stdout.lines().map(PathBuf::from).collect())
}

/// A path of attributes that is nothing else to Nix: no output selector, no other flake, no option.
fn is_attribute(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+');
    name.split('.')
        .all(|part| !part.is_empty() && !part.starts_with('-') && part.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::{is_attribute, packages};
    use crate::process::Stop;

    #[test]
    fn names_are_nothing_but_names() {
        for good in ["jq", "python3Packages.pip", "gtk+3", "_7zz", "a-b"] {
            assert!(is_attribute(good), "{good}");
        }
        for bad in [
            "", "a b", "-x", "a.-x", "a^out", "a#b", "..", "a.", "\"a\"", "a/b", "ä",
        ] {
            assert!(!is_attribute(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn who_needs_none_needs_no_nix() {
        let none = packages("/nowhere", &[], Stop::never()).await;
        assert_eq!(none.expect("nothing to do").len(), 0);
        let fault = packages("/nowhere", &["a#b".to_owned()], Stop::never()).await;
        assert!(fault.expect_err("no name").title.contains("`a#b`"));
    }
}
