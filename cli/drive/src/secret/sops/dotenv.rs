//! Dotenv files as sops reads them: no quoting, no `export`, and a line end in a value is written `\n`.

use super::tree::{Document, Leaf, Node};
use infra_model::Diagnostic;

pub(super) fn parse(text: &str, shown: &str) -> Result<Vec<Document>, Diagnostic> {
    let mut document = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(super::syntax(
                shown,
                "the line has no `=`",
                number + 1,
                None,
            ));
        };
        document.push((
            key.to_owned(),
            Node::Leaf(Leaf::text(value.replace("\\n", "\n"))),
        ));
    }
    Ok(vec![document])
}

/// The decrypted file, without its comments.
pub(super) fn print(documents: &[Document]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, node) in documents.iter().flatten() {
        if let Node::Leaf(leaf) = node {
            out.extend_from_slice(key.as_bytes());
            out.push(b'=');
            for byte in leaf.printed() {
                match byte {
                    b'\n' => out.extend_from_slice(b"\\n"),
                    byte => out.push(byte),
                }
            }
            out.push(b'\n');
        }
    }
    out
}
