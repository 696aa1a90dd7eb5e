//! `infra-agent`: what will act on a host when nobody is connected to it.
//!
//! In this version hosts are acted on by small shell scripts (`infra_drive::host`), and nothing sends the agent anywhere yet. What is
//! fixed already is how the two sides find out whether they understand each other: `infra-agent hello` says which protocol it speaks.
//!
//! Never: Nix evaluation, a network connection of its own, a dependency that is not needed on every host. It stays under 4 MB.

use std::io::Write;
use std::process::ExitCode;

/// The version of the protocol between the command and the agent. Raised with the first change that an older side would misunderstand.
const PROTOCOL: u32 = 1;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (text, code) = answer(&words);
    // Whoever asked may have gone away; there is nobody else to tell.
    let _ = std::io::stdout().write_all(text.as_bytes());
    code
}

fn answer(words: &[&str]) -> (String, ExitCode) {
    let version = env!("CARGO_PKG_VERSION");
    match words {
        ["hello"] => (
            format!("{{\"schema\":1,\"agent\":\"{version}\",\"protocol\":{PROTOCOL}}}\n"),
            ExitCode::SUCCESS,
        ),
        ["--version"] => (format!("infra-agent {version}\n"), ExitCode::SUCCESS),
        _ => (
            "usage: infra-agent hello | --version\n".to_owned(),
            ExitCode::from(2),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::answer;
    use std::process::ExitCode;

    #[test]
    fn says_which_protocol_it_speaks() {
        let (text, code) = answer(&["hello"]);
        assert_eq!(code, ExitCode::SUCCESS);
        assert!(
            text.starts_with("{\"schema\":1,") && text.ends_with("\"protocol\":1}\n"),
            "{text}"
        );
        let (text, code) = answer(&["obey"]);
        assert_eq!(
            (text.as_str(), code),
            ("usage: infra-agent hello | --version\n", ExitCode::from(2))
        );
    }
}
