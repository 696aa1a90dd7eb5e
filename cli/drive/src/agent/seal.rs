//! Sealing a bundle, so that only the host can open it.

use age::ssh::Recipient;
use infra_model::bundle::Bundle;
use infra_model::{Code, Diagnostic};

const USABLE: &str = "ssh-ed25519";

/// Seals a bundle to the host's pinned ed25519 key. `keys` are the host's pinned keys, as `type base64`.
pub fn seal(bundle: &Bundle, keys: &[String]) -> Result<Vec<u8>, Diagnostic> {
    let file = format!("hosts/{}/host.pub", bundle.host);
    let unusable = |cause: String| {
        Diagnostic::new(Code::UnusableKey, format!("the secrets of {} cannot be sealed: {file} has no ed25519 key that can be used", bundle.host))
            .with_cause(cause)
            .with_fix(format!("copy /etc/ssh/ssh_host_ed25519_key.pub from the host to {file} (`ssh-keygen -A` makes the key where it is missing)"))
            .with_host(&bundle.host)
    };
    let kinds = || {
        let kinds: Vec<&str> = keys
            .iter()
            .filter_map(|key| key.split_whitespace().next())
            .collect();
        if kinds.is_empty() {
            "it has no key".to_owned()
        } else {
            format!("it has {}", kinds.join(", "))
        }
    };
    let key = keys
        .iter()
        .find(|key| key.split_whitespace().next() == Some(USABLE))
        .ok_or_else(|| unusable(kinds()))?;
    let recipient: Recipient = key
        .parse()
        .map_err(|_| unusable(format!("its {USABLE} key is damaged")))?;
    let json = bundle.to_json()?;
    age::encrypt(&recipient, &json).map_err(|error| {
        Diagnostic::new(
            Code::Internal,
            format!("the secrets of {} cannot be sealed", bundle.host),
        )
        .with_cause(format!("{error:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::seal;
    use infra_model::HostName;
    use infra_model::bundle::Bundle;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    #[test]
    fn only_ed25519_keys_will_do() {
        let host = HostName::parse("web").expect("a name");
        let bundle = Bundle::new(host, "r".to_owned(), Vec::new(), Vec::new());
        let told = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            match seal(&bundle, &keys) {
                Ok(sealed) => format!("{} bytes", sealed.len() / 1000),
                Err(fault) => fault.cause.unwrap_or_default(),
            }
        };
        assert_eq!(told(&[ED25519]), "0 bytes");
        assert_eq!(
            told(&["ssh-rsa AAAA", &format!("{ED25519} root@web")]),
            "0 bytes"
        );
        assert_eq!(told(&[]), "it has no key");
        assert_eq!(
            told(&["ssh-rsa AAAA", "ecdsa-sha2-nistp256 AAAA"]),
            "it has ssh-rsa, ecdsa-sha2-nistp256"
        );
        assert_eq!(
            told(&["ssh-ed25519 AAAA"]),
            "its ssh-ed25519 key is damaged"
        );
    }
}
