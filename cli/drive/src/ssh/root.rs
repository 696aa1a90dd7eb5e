//! How a script comes to be run by root on a host, whoever has logged in.
//!
//! It goes through standard input, as one line before everything else: so it does not matter how the login shell of an ordinary user reads
//! quotes (fish and csh do it their own way), and `sudo`, which writes every command line into the host's log, has the same short one to write
//! each time.

/// What a POSIX shell makes a script of. A line that broke off in the middle is not run: half a script is another one.
const LOADER: &str = r#"IFS= read -r line && eval "$(printf %b "$line")""#;

/// Before a command that an ordinary user runs as root. Nobody is there to be asked for a password.
pub(super) const SUDO: [&str; 3] = ["sudo", "-n", "--"];

/// The words of the command for somebody who logs in as `user`. They need no quotes but one pair of `'`, which all shells read alike.
pub(super) fn words(user: &str) -> Vec<&'static str> {
    let mut words = before(user).to_vec();
    words.extend(["sh", "-c", LOADER, "infra"]);
    words
}

fn before(user: &str) -> &'static [&'static str] {
    if user == "root" { &[] } else { &SUDO }
}

/// What the loader reads: a script that finds its arguments as `$1`, `$2` …, and behind it what the script itself reads.
pub(super) fn input(script: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut text = "set --".to_owned();
    for arg in args {
        text += " '";
        text += &arg.replace('\'', r"'\''");
        text += "'";
    }
    text += "\n";
    text += script;
    let line = text.replace('\\', r"\\").replace('\n', r"\n");
    let mut bytes = line.into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(input);
    bytes
}

/// The program that serves the host's store to us: Nix's own, as root. `nix_daemon` is where it is, if it is not in the PATH.
///
/// A user who may become root anyway need not be trusted by Nix as well (decision 0002).
pub(super) fn store_program(user: &str, nix_daemon: Option<&str>) -> Option<String> {
    if user == "root" {
        return nix_daemon.map(str::to_owned);
    }
    let mut words = SUDO.to_vec();
    words.push(nix_daemon.unwrap_or("nix-daemon"));
    // As a part of a URL, which Nix splits at spaces after it has read them.
    Some(words.join("%20"))
}

#[cfg(test)]
mod tests {
    use super::{LOADER, input, store_program, words};
    use std::io::Write;
    use std::process::{Output, Stdio};

    /// What a shell makes of an input, as the one that a login has does.
    #[expect(
        clippy::disallowed_methods,
        reason = "the loader alone, as a host's shell runs it"
    )]
    fn load(shell: &str, bytes: &[u8]) -> Output {
        let mut child = std::process::Command::new(shell)
            .args(["-c", LOADER, "infra"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut pipe = child.stdin.take().expect("piped");
        pipe.write_all(bytes).expect("read");
        drop(pipe);
        child.wait_with_output().expect("it ends")
    }

    const HOSTILE: [&str; 7] = [
        "it's",
        "a\nb",
        "\\n \\\\ \\0101 \\c %s %b",
        "$(id) `id` $HOME !",
        "",
        "  two  words ",
        "-n",
    ];

    #[test]
    fn a_script_arrives_as_it_was_written_with_its_arguments_and_its_input() {
        let script = r#"said='back\slash \n %s'
printf '%s|' "$0" "$#" "$said" "$@"
cat
exit 7
"#;
        let mut wanted = format!("infra|{}|back\\slash \\n %s|", HOSTILE.len());
        for arg in HOSTILE {
            wanted += arg;
            wanted += "|";
        }
        wanted += "binary\0\n\\n";
        for shell in ["sh", "bash"] {
            let output = load(shell, &input(script, &HOSTILE, b"binary\0\n\\n"));
            assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{shell}");
            assert_eq!(output.status.code(), Some(7), "{shell}");
        }
    }

    #[test]
    fn no_arguments_are_none() {
        let output = load("sh", &input("printf %s $#", &[], b""));
        assert_eq!(output.stdout, b"0");
    }

    #[test]
    fn what_broke_off_on_the_way_is_not_run() {
        let whole = input("echo begun\necho done", &[], b"");
        let part = &whole[..whole.len() - 5];
        let output = load("sh", part);
        assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
    }

    #[test]
    fn only_root_needs_no_sudo() {
        assert_eq!(words("root"), ["sh", "-c", LOADER, "infra"]);
        assert_eq!(words("ann")[..4], ["sudo", "-n", "--", "sh"]);
        assert!(!LOADER.contains(['\'', '\\', '!', '\n']), "{LOADER}");
        assert_eq!(store_program("root", None), None);
        let daemon = Some("/usr/bin/nix-daemon");
        assert_eq!(store_program("root", daemon).as_deref(), daemon);
        assert_eq!(
            store_program("ann", daemon).as_deref(),
            Some("sudo%20-n%20--%20/usr/bin/nix-daemon")
        );
        assert_eq!(
            store_program("ann", None).as_deref(),
            Some("sudo%20-n%20--%20nix-daemon")
        );
    }
}
