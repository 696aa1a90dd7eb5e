//! Files that another program wrote (values by Python's AES-GCM, from what sops documents): what our reader and our writer could both get
//! wrong alike shows here. Only the key that opens them is the test's own: their data key is sealed to it as the test begins.

use super::*;
use crate::secret::testing::secret;
use crate::secret::{Nobody, Person, sealed};
use std::sync::Arc;

/// The data key of all of them. Data keys are drawn for one file each; this one is the key of nothing else, and of nobody.
const DATA_KEY: [u8; 32] = [
    0x85, 0xb1, 0xd2, 0x57, 0xd4, 0xd1, 0x2a, 0xf7, 0xd2, 0xef, 0x62, 0xff, 0x64, 0xab, 0xce, 0x8f,
    0x84, 0xf4, 0xee, 0xad, 0x68, 0xd1, 0x6a, 0x5a, 0x2e, 0xe9, 0x77, 0x97, 0xaa, 0x2d, 0xb9, 0xe0,
];

const YAML: &str = include_str!("../vectors/vector.yaml");
const JSON: &str = include_str!("../vectors/vector.json");
const DOTENV: &str = include_str!("../vectors/vector.env");
const INI: &str = include_str!("../vectors/vector.ini");

/// The file with its data key sealed to a new key, and what opens it.
fn completed(vector: &str, format: Format) -> (String, Identities) {
    let (private, public) = age_key();
    let person: Arc<dyn Person> = Arc::new(Nobody);
    let sealed = sealed::seal(
        &secret(DATA_KEY),
        std::slice::from_ref(&public),
        &person,
        "it",
    );
    let sealed = sealed::armored(&sealed.expect("seals")).expect("armors");
    let sealed = match format {
        // In a block, which is indented.
        Format::Yaml => sealed.trim_end().replace('\n', "\n            "),
        _ => sealed.trim_end().replace('\n', "\\n"),
    };
    let text = vector
        .replace("@RECIPIENT@", public.as_str())
        .replace("@SEALED@", &sealed);
    (text, identities(&private))
}

fn opened(vector: &str, format: Format) -> Opened {
    let (text, identities) = completed(vector, format);
    open(&text, format, &identities).unwrap_or_else(|fault| panic!("{fault:?}\n{text}"))
}

#[test]
fn files_of_other_programs_are_read() {
    let yaml = opened(YAML, Format::Yaml);
    let json = opened(JSON, Format::Json);
    let env = opened(DOTENV, Format::Dotenv);
    let ini = opened(INI, Format::Ini);
    let table = [
        (&yaml, "database/password", "correct horse"),
        (&yaml, "[\"database\"][\"port\"]", "5432"),
        (&yaml, "database/ratio", "0.25"),
        (&yaml, "database/tls", "true"),
        (&yaml, "database/replicas/1", "two"),
        (&yaml, "['database']['replicas'][0]", "one"),
        (&yaml, "plain_unencrypted", "31"),
        (&json, "token", "jäson"),
        (&json, "open/n", "1.5"),
        (&env, "TOKEN", "dot env"),
        (&ini, "server/token", "in ini"),
    ];
    for (opened, key, expected) in table {
        assert_eq!(get(opened, key).expect(key), expected, "{key}");
    }
}

#[test]
fn their_values_are_bound_to_their_path_and_their_mac_to_their_time() {
    for (vector, format, from, to) in [
        (YAML, Format::Yaml, "    password: ENC", "    passwort: ENC"),
        (YAML, Format::Yaml, "T04:05:06Z", "T04:05:07Z"),
        (YAML, Format::Yaml, "0x1F", "0x1E"),
        (JSON, Format::Json, "\"token\": \"ENC", "\"Token\": \"ENC"),
        (DOTENV, Format::Dotenv, "TOKEN=", "TOKEM="),
        (INI, Format::Ini, "[server]", "[Server]"),
    ] {
        let (text, identities) = completed(vector, format);
        assert!(open(&text, format, &identities).is_ok(), "{text}");
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        let fault = open(&changed, format, &identities).expect_err(from);
        assert_eq!(fault.code, infra_model::Code::SecretTampered, "{from}");
    }
}
