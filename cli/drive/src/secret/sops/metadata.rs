//! What sops writes about a file: recipients, rules, MAC.

use super::cipher::{self, DataKey};
use super::rules::{Rules, pattern};
use super::tree::{Document, Node};
use infra_model::{Code, Diagnostic, Place};
use zeroize::Zeroizing;

/// The metadata of a file, as far as reading needs it.
pub(super) struct Metadata {
    /// The data key, once for each age recipient.
    pub(super) holders: Vec<Holder>,
    /// The kinds of other recipients.
    pub(super) others: Vec<&'static str>,
    pub(super) rules: Rules,
    pub(super) mac_only_encrypted: bool,
    mac: String,
    modified: String,
}

/// The data key for one recipient.
pub(super) struct Holder {
    pub(super) recipient: String,
    pub(super) sealed: String,
}

/// What keeps a file's metadata from being used.
pub(super) struct Fault {
    code: Code,
    cause: String,
    fix: &'static str,
}

impl Fault {
    pub(super) fn at(self, shown: &str) -> Diagnostic {
        Diagnostic::new(self.code, format!("`{shown}` cannot be read by infra"))
            .with_cause(self.cause)
            .with_place(Place::file(shown))
            .with_fix(self.fix)
    }
}

/// Documents whose metadata is a key `sops` of the first; all of them repeat it.
pub(super) fn take_nested(mut documents: Vec<Document>) -> (Vec<Document>, Option<Node>) {
    let mut found = None;
    for (number, document) in documents.iter_mut().enumerate() {
        if let Some(at) = document.iter().position(|(key, _)| key == "sops") {
            let (_, node) = document.remove(at);
            if number == 0 {
                found = Some(node);
            }
        }
    }
    (documents, found)
}

/// A file of one level: the metadata are keys that begin with `sops_`.
pub(super) fn take_prefixed(mut documents: Vec<Document>) -> (Vec<Document>, Option<Node>) {
    let mut flat = Vec::new();
    for document in &mut documents {
        let all = std::mem::take(document);
        for (key, node) in all {
            match key.strip_prefix("sops_") {
                Some(key) => flat.push((key.to_owned(), node)),
                None => document.push((key, node)),
            }
        }
    }
    let found = (!flat.is_empty()).then(|| nested(flat));
    (documents, found)
}

/// A file of sections: the metadata is a section whose keys are as in a file of one level, with line ends escaped once more.
pub(super) fn take_section(documents: Vec<Document>) -> (Vec<Document>, Option<Node>) {
    let (documents, found) = take_nested(documents);
    let found = match found {
        Some(Node::Map(entries)) => {
            let unescaped = entries.into_iter().map(|(key, node)| {
                let text = node.as_text().unwrap_or_default().replace("\\n", "\n");
                (key, Node::Leaf(super::tree::Leaf::text(text)))
            });
            Some(nested(unescaped.collect()))
        }
        other => other,
    };
    (documents, found)
}

/// Turns `age__list_0__map_enc` back into `age: [{ enc }]`.
fn nested(flat: Document) -> Node {
    let mut root = Vec::new();
    for (key, node) in flat {
        // A list's places come in order and without gaps, since sops wrote them; as keys of a map they keep that order.
        let key = key.replace("__list_", "\0").replace("__map_", "\0");
        let parts: Vec<&str> = key.split('\0').collect();
        insert(&mut root, &parts, node);
    }
    Node::Map(root)
}

fn insert(into: &mut Document, parts: &[&str], node: Node) {
    let [first, rest @ ..] = parts else { return };
    if rest.is_empty() {
        into.push(((*first).to_owned(), node));
        return;
    }
    let at = into.iter().position(|(key, _)| key == first);
    let at = at.unwrap_or_else(|| {
        into.push(((*first).to_owned(), Node::Map(Vec::new())));
        into.len() - 1
    });
    if let Node::Map(inner) = &mut into[at].1 {
        insert(inner, rest, node);
    }
}

/// The items of a list, or of a list that was flattened.
fn items(node: Option<&Node>) -> Vec<&Node> {
    match node {
        Some(Node::List(items)) => items.iter().collect(),
        Some(Node::Map(entries)) => entries.iter().map(|(_, node)| node).collect(),
        Some(Node::Leaf(_) | Node::Null) | None => Vec::new(),
    }
}

/// Recipients of other kinds, by their keys in the metadata.
const OTHERS: [(&str, &str); 6] = [
    ("pgp", "PGP"),
    ("kms", "AWS KMS"),
    ("gcp_kms", "GCP KMS"),
    ("azure_kv", "Azure Key Vault"),
    ("hc_vault", "Vault"),
    ("hckms", "Huawei KMS"),
];

impl Metadata {
    pub(super) fn of(node: &Node) -> Result<Self, Fault> {
        let groups = items(node.entry("key_groups"));
        // The top level wins, as in sops.
        let mut keys = node;
        if !has_keys(node) {
            match groups.as_slice() {
                [] => {}
                [one] => keys = one,
                _ => return Err(split_key()),
            }
        }
        let holders = items(keys.entry("age"))
            .into_iter()
            .filter_map(|item| {
                Some(Holder {
                    recipient: item.entry("recipient")?.as_text()?.to_owned(),
                    sealed: item.entry("enc")?.as_text()?.to_owned(),
                })
            })
            .collect();
        let text = |name: &str| node.entry(name).and_then(Node::as_text).unwrap_or_default();
        Ok(Self {
            holders,
            others: OTHERS
                .iter()
                .filter(|(key, _)| !items(keys.entry(key)).is_empty())
                .map(|(_, name)| *name)
                .collect(),
            rules: rules(node)?,
            mac_only_encrypted: matches!(text("mac_only_encrypted"), "True" | "true" | "1"),
            mac: text("mac").to_owned(),
            modified: text("lastmodified").to_owned(),
        })
    }

    pub(super) fn recipients(&self) -> Vec<String> {
        self.holders
            .iter()
            .map(|holder| holder.recipient.clone())
            .collect()
    }

    /// The MAC that the file says it has. It is bound to the time of the last change.
    pub(super) fn mac(&self, key: &DataKey) -> Result<Zeroizing<Vec<u8>>, String> {
        if self.mac.is_empty() {
            return Err("it has no MAC".to_owned());
        }
        cipher::decrypt(&self.mac, key, &self.modified)
            .map(|(_, mac)| mac)
            .map_err(|_| "its MAC or `lastmodified` was changed".to_owned())
    }
}

fn has_keys(node: &Node) -> bool {
    let mut kinds = OTHERS.iter().map(|(key, _)| *key).chain(["age"]);
    kinds.any(|key| !items(node.entry(key)).is_empty())
}

fn split_key() -> Fault {
    Fault {
        code: Code::Unsupported,
        cause: "its data key is split among several key groups (Shamir)".to_owned(),
        fix: "use one key group in .sops.yaml and run `sops updatekeys FILE`",
    }
}

fn rules(node: &Node) -> Result<Rules, Fault> {
    let rule = |name: &str| {
        node.entry(name)
            .and_then(Node::as_text)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    if rule("encrypted_comment_regex")
        .or_else(|| rule("unencrypted_comment_regex"))
        .is_some()
    {
        return Err(Fault {
            code: Code::Unsupported,
            cause: "comments decide which of its values are encrypted (`*_comment_regex`)"
                .to_owned(),
            fix: "let keys decide instead: `encrypted_regex` or a suffix, and encrypt it again",
        });
    }
    let compiled = |text: String| {
        pattern(&text).ok_or_else(|| Fault {
            code: Code::SecretUnreadable,
            cause: format!(
                "its rule `{}` is not a regular expression",
                text.escape_debug()
            ),
            fix: "correct the rule in .sops.yaml, and encrypt the file again",
        })
    };
    let mut found = Vec::new();
    found.extend(rule("unencrypted_suffix").map(Rules::UnlessSuffix));
    found.extend(rule("encrypted_suffix").map(Rules::IfSuffix));
    if let Some(text) = rule("unencrypted_regex") {
        found.push(Rules::UnlessMatch(compiled(text)?));
    }
    if let Some(text) = rule("encrypted_regex") {
        found.push(Rules::IfMatch(compiled(text)?));
    }
    if found.len() > 1 {
        return Err(Fault {
            code: Code::SecretUnreadable,
            cause: "it has more than one rule for what is encrypted, and sops allows one"
                .to_owned(),
            fix: "take the file from a version that was good, or encrypt it again",
        });
    }
    Ok(found.pop().unwrap_or_default())
}
