//! Hashes of passwords.

use super::{Bytes, broken, random};
use infra_model::Diagnostic;
use zeroize::Zeroizing;

/// The cost that libxcrypt takes unless told otherwise, as it writes it: N = 4096, r = 32, 16 MiB of memory.
const COST: &str = "j9T";

/// A yescrypt hash with a random salt: what Debian, NixOS and most others put into `/etc/shadow` today.
pub(super) fn yescrypt(password: &[u8]) -> Result<Bytes, Diagnostic> {
    with_salt(password, &random::bytes(16)?)
}

fn with_salt(password: &[u8], salt: &[u8]) -> Result<Bytes, Diagnostic> {
    let wrong = |error| broken("a hash of a password", error);
    let cost: yescrypt::Params = COST.parse().map_err(wrong)?;
    let mut hash = Zeroizing::new([0; 32]);
    yescrypt::yescrypt(password, salt, &cost, &mut *hash).map_err(wrong)?;
    let text = format!("$y${COST}${}${}", crypt64(salt), crypt64(&*hash));
    Ok(Zeroizing::new(text.into_bytes()))
}

/// The base 64 of crypt(5): its own alphabet, and the lowest bits first.
fn crypt64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = group
            .iter()
            .rev()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        // One byte is two digits, two are three, three are four.
        for _ in 0..=group.len() {
            text.extend(DIGITS.get(bits % 64).map(|digit| char::from(*digit)));
            bits /= 64;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{with_salt, yescrypt};
    use infra_testkit::process;
    use std::io::Write;
    use std::process::Stdio;

    /// What this machine's libcrypt makes of a password and a hash: the same hash, if it belongs to that password.
    fn libcrypt(password: &str, hash: &str) -> String {
        let script =
            r#"my $p = <STDIN>; my $h = <STDIN>; chomp($p, $h); print crypt($p, $h) // "";"#;
        let mut perl = process("perl")
            .args(["-e", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("perl runs");
        let mut stdin = perl.stdin.take().expect("piped");
        writeln!(stdin, "{password}\n{hash}").expect("written");
        drop(stdin);
        let done = perl.wait_with_output().expect("perl ends");
        String::from_utf8(done.stdout).expect("text")
    }

    #[test]
    fn libcrypt_accepts_our_hashes() {
        for password in ["correct horse", "ä€ß", "x"] {
            let hash = yescrypt(password.as_bytes()).expect("made");
            let hash = String::from_utf8(hash.to_vec()).expect("text");
            assert!(hash.starts_with("$y$j9T$"), "{hash}");
            assert_eq!(libcrypt(password, &hash), hash);
            assert_ne!(libcrypt("another", &hash), hash);
        }
    }

    #[test]
    fn the_same_password_has_another_hash_each_time() {
        assert_ne!(
            *yescrypt(b"x").expect("made"),
            *yescrypt(b"x").expect("made")
        );
        assert_eq!(
            *with_salt(b"x", &[1; 16]).expect("made"),
            *with_salt(b"x", &[1; 16]).expect("made")
        );
    }
}
