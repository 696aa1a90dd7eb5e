//! Keys of SSH, age and `WireGuard`.

use super::{Bytes, random};
use age::secrecy::ExposeSecret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use curve25519_dalek::{EdwardsPoint, MontgomeryPoint};
use infra_model::Diagnostic;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

/// A key for SSH, as `ssh-keygen -t ed25519` writes it, without a passphrase; and its public line.
pub(super) fn ssh(comment: &str) -> Result<(Bytes, String), Diagnostic> {
    let (seed, check) = (random::key()?, random::bytes(4)?);
    Ok(ssh_of(&seed, &check, comment))
}

/// The format is in OpenSSH's `PROTOCOL.key`, the public key from a seed in RFC 8032, 5.1.5.
fn ssh_of(seed: &[u8; 32], check: &[u8], comment: &str) -> (Bytes, String) {
    const KIND: &[u8] = b"ssh-ed25519";
    let digest = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(seed)));
    let mut scalar = Zeroizing::new([0; 32]);
    scalar.copy_from_slice(digest.get(..32).unwrap_or(&[0; 32]));
    let public = EdwardsPoint::mul_base_clamped(*scalar).compress();
    let mut public_blob = Vec::new();
    field(&mut public_blob, KIND);
    field(&mut public_blob, public.as_bytes());

    let mut private = Zeroizing::new(Vec::with_capacity(512 + comment.len()));
    // The same number twice shows whoever decrypts it that the passphrase was right.
    private.extend_from_slice(check);
    private.extend_from_slice(check);
    field(&mut private, KIND);
    field(&mut private, public.as_bytes());
    let mut pair = Zeroizing::new([0; 64]);
    for (to, from) in pair.iter_mut().zip(seed.iter().chain(public.as_bytes())) {
        *to = *from;
    }
    field(&mut private, &*pair);
    field(&mut private, comment.as_bytes());
    // Filled up to whole blocks of the cipher `none`, which are 8 bytes.
    for padding in 1..8 {
        if private.len() % 8 == 0 {
            break;
        }
        private.push(padding);
    }

    let mut file = Zeroizing::new(Vec::with_capacity(1024 + 2 * comment.len()));
    file.extend_from_slice(b"openssh-key-v1\0");
    field(&mut file, b"none");
    field(&mut file, b"none");
    field(&mut file, b"");
    file.extend_from_slice(&1_u32.to_be_bytes());
    field(&mut file, &public_blob);
    field(&mut file, &private);
    let line = format!("ssh-ed25519 {} {comment}", STANDARD.encode(&public_blob));
    (
        pem("OPENSSH PRIVATE KEY", &file, 70),
        line.trim_end().to_owned(),
    )
}

/// A field of SSH's formats: its length, then itself.
fn field(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(&u32::try_from(content.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(content);
}

fn pem(label: &str, content: &[u8], width: usize) -> Bytes {
    let encoded = Zeroizing::new(STANDARD.encode(content));
    let mut text = Zeroizing::new(Vec::with_capacity(encoded.len() * 2 + 128));
    text.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
    for line in encoded.as_bytes().chunks(width) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    text
}

/// An age identity and its recipient.
pub(super) fn age() -> (Bytes, String) {
    let identity = age::x25519::Identity::generate();
    let secret = identity.to_string();
    let text = Zeroizing::new(format!("{}\n", secret.expose_secret()).into_bytes());
    (text, identity.to_public().to_string())
}

/// A private key for `WireGuard`, as `wg genkey` prints it but without the line end, and its public key.
pub(super) fn wireguard() -> Result<(Bytes, String), Diagnostic> {
    let mut key = random::key()?;
    // As `wg genkey` does; whoever uses the key would do it anyway (RFC 7748, 5).
    key[0] &= 0b1111_1000;
    key[31] = (key[31] & 0b0111_1111) | 0b0100_0000;
    Ok((encoded(&key), wireguard_public(&key)))
}

fn wireguard_public(key: &[u8; 32]) -> String {
    STANDARD.encode(MontgomeryPoint::mul_base_clamped(*key).as_bytes())
}

/// A key that two peers of `WireGuard` share.
pub(super) fn wireguard_preshared() -> Result<Bytes, Diagnostic> {
    let key = random::key()?;
    Ok(encoded(&key))
}

fn encoded(key: &[u8; 32]) -> Bytes {
    Zeroizing::new(STANDARD.encode(key).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::{age, ssh, ssh_of, wireguard, wireguard_preshared, wireguard_public};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use infra_testkit::process;
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    fn bytes(hex: &str) -> [u8; 32] {
        let mut out = [0; 32];
        for (at, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex");
        }
        out
    }

    #[test]
    fn public_keys_are_those_of_the_standards() {
        // RFC 7748, 6.1: Alice's keys.
        let private = bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let public = bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
        assert_eq!(wireguard_public(&private), STANDARD.encode(public));
        // RFC 8032, 7.1, test 1.
        let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let (_, line) = ssh_of(&seed, &[0; 4], "");
        let blob = STANDARD
            .decode(line.strip_prefix("ssh-ed25519 ").expect("a kind"))
            .expect("base64");
        assert_eq!(blob[blob.len() - 32..], public);
    }

    /// What `ssh-keygen` says of a private key in a file that only we may read.
    fn keygen(args: &[&str], key: &[u8]) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("key");
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut open| open.write_all(key))
            .expect("written");
        let done = process("ssh-keygen").args(args).arg(&file).output();
        let done = done.expect("ssh-keygen runs");
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).expect("text")
    }

    #[test]
    fn openssh_reads_our_keys_as_it_reads_its_own() {
        // Comments of all lengths modulo 8 try all lengths of padding.
        for length in 0..9 {
            let comment = "web@db-1 x"[..length].trim_end().to_owned();
            let (secret, public) = ssh(&comment).expect("made");
            assert_eq!(keygen(&["-y", "-f"], &secret).trim_end(), public);
        }
        let (secret, _) = ssh("web@db").expect("made");
        let ours = String::from_utf8(secret.to_vec()).expect("text");
        let dir = tempfile::tempdir().expect("a folder");
        let theirs = dir.path().join("theirs");
        let done = process("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "web@db", "-f"])
            .arg(&theirs)
            .output()
            .expect("ssh-keygen runs");
        assert!(done.status.success());
        let theirs = std::fs::read_to_string(theirs).expect("written");
        let shape = |text: &str| text.lines().map(str::len).collect::<Vec<_>>();
        assert_eq!(shape(&ours), shape(&theirs));
        assert_eq!(ours.lines().next(), theirs.lines().next());
    }

    #[test]
    fn age_decrypts_with_our_identity_what_is_encrypted_to_our_recipient() {
        let (secret, public) = age();
        let text = String::from_utf8(secret.to_vec()).expect("text");
        assert!(text.starts_with("AGE-SECRET-KEY-1") && text.ends_with('\n'));
        let identity: age::x25519::Identity = text.trim_end().parse().expect("an identity");
        let recipient: age::x25519::Recipient = public.parse().expect("a recipient");
        let sealed = age::encrypt(&recipient, b"hello").expect("encrypted");
        assert_eq!(
            age::decrypt(&identity, &sealed).expect("decrypted"),
            b"hello"
        );
    }

    #[test]
    fn wireguard_keys_are_clamped_and_paired() {
        let (secret, public) = wireguard().expect("made");
        let key: [u8; 32] = STANDARD
            .decode(&*secret)
            .expect("base64")
            .try_into()
            .expect("32 bytes");
        assert_eq!((key[0] & 7, key[31] >> 6), (0, 1));
        assert_eq!(wireguard_public(&key), public);
        let shared = STANDARD.decode(&*wireguard_preshared().expect("made"));
        assert_eq!(shared.expect("base64").len(), 32);
    }
}
