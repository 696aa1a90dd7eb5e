//! What built-ins are told: defaults, all options, and all that cannot be meant.

use super::super::{AltName, Builtin, Clear, Make};
use super::Said;
use crate::NeedName;
use crate::contract::{Declared, Recipe};
use serde_json::{Value, json};

fn need(name: &str) -> NeedName {
    NeedName::parse(name).expect("a name")
}

fn recipe(more: &Value) -> Recipe {
    let mut text = json!({
        "needs": [], "prompts": {}, "outputs": {}, "packages": [], "script": null, "builtin": null, "options": {},
        "seed": null, "regenerateOn": [], "expires": null,
        "declared": [{"file": "modules/m/contract.nix", "line": 4}],
    });
    for (key, value) in more.as_object().expect("an object") {
        text[key] = value.clone();
    }
    serde_json::from_value(text).expect("a recipe")
}

fn read(builtin: &str, more: &Value) -> Result<Make, Vec<String>> {
    let recipe = recipe(more);
    let said = Said {
        builtin: Builtin::parse(builtin).expect("a built-in"),
        recipe: Some((&need("r"), &recipe)),
        need: &need("n"),
        title: "n@web",
        declared: &[],
    };
    said.make().map_err(|faults| {
        let line = |fault: crate::Diagnostic| {
            let place = fault.place.map(|place| place.to_string());
            format!(
                "{} [{}] {}; {}",
                fault.title,
                place.unwrap_or_default(),
                fault.cause.unwrap_or_default(),
                fault.fix.unwrap_or_default()
            )
        };
        faults.into_iter().map(line).collect()
    })
}

fn options(builtin: &str, options: &Value) -> Result<Make, Vec<String>> {
    read(builtin, &json!({ "options": options }))
}

#[test]
fn a_need_that_names_a_built_in_gets_the_defaults() {
    let declared = [Declared {
        file: "hosts/web/contract.nix".to_owned(),
        line: Some(3),
        column: None,
    }];
    let plain = |builtin| {
        let said = Said {
            builtin,
            recipe: None,
            need: &need("n"),
            title: "n@web",
            declared: &declared,
        };
        said.make()
    };
    for builtin in Builtin::ALL {
        match plain(builtin) {
            Ok(make) => assert_eq!(make.builtin(), builtin),
            Err(faults) => {
                assert_eq!(builtin, Builtin::X509Cert, "{faults:?}");
                assert!(faults[0].title.contains("which authority"), "{faults:?}");
                assert!(faults[0].place.is_some());
            }
        }
    }
}

#[test]
fn options_are_read() {
    assert_eq!(
        options("password", &json!({"length": 8, "characters": "ba"})),
        Ok(Make::Password {
            length: 8,
            characters: vec!['a', 'b']
        })
    );
    let of = |alphabet: &str| match options("password", &json!({"alphabet": alphabet})) {
        Ok(Make::Password { characters, .. }) => {
            let mut once = characters.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(
                once.len(),
                characters.len(),
                "a character twice would be twice as likely"
            );
            characters.len()
        }
        other => panic!("{other:?}"),
    };
    let sizes: Vec<usize> = [
        "alphanumeric",
        "letters",
        "digits",
        "hex",
        "symbols",
        "printable",
    ]
    .map(of)
    .into();
    assert_eq!(sizes, [62, 52, 10, 16, 66, 94]);
    assert_eq!(
        options("ssh-ed25519", &json!({})),
        Ok(Make::SshEd25519 {
            comment: "n@web".to_owned()
        })
    );
    assert_eq!(
        options(
            "x509-cert",
            &json!({"sans": ["*.a.org", "::1", "10.0.0.1", "x_1"], "ca": "root", "days": 30, "commonName": "Ä b"})
        ),
        Ok(Make::X509Cert {
            common_name: "Ä b".to_owned(),
            names: vec![
                AltName::Dns("*.a.org".to_owned()),
                AltName::Ip("::1".parse().expect("an address")),
                AltName::Ip("10.0.0.1".parse().expect("an address")),
                AltName::Dns("x_1".to_owned()),
            ],
            days: 30,
            ca: need("root"),
        })
    );
}

#[test]
fn a_password_to_hash_comes_from_one_place() {
    let hashed = |more: &Value| read("password-hash", more);
    assert_eq!(
        hashed(&json!({"options": {"length": 9}})),
        Ok(Make::PasswordHash(Clear::Generated(9)))
    );
    let prompt = json!({"p": {"description": "", "secret": true}});
    assert_eq!(
        hashed(&json!({"prompts": prompt})),
        Ok(Make::PasswordHash(Clear::Prompt(need("p"))))
    );
    assert_eq!(
        hashed(&json!({"needs": ["a"]})),
        Ok(Make::PasswordHash(Clear::Need(need("a"))))
    );
    for both in [
        json!({"needs": ["a", "b"]}),
        json!({"needs": ["a"], "prompts": prompt}),
        json!({"prompts": {"p": prompt["p"], "q": prompt["p"]}}),
    ] {
        let faults = hashed(&both).expect_err("two passwords");
        assert!(faults[0].contains("more than one password"), "{faults:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let mut seen = Vec::new();
    for (builtin, said) in [
        ("password", json!({"lenght": 8, "length": 3})),
        ("password", json!({"alphabet": "latin"})),
        ("password", json!({"characters": "aab"})),
        ("password", json!({"characters": "a b"})),
        ("hex", json!({"bytes": 1.5})),
        ("hex", json!({"bytes": "32"})),
        ("passphrase", json!({"separator": "\n"})),
        ("ssh-ed25519", json!({"comment": "a\nb"})),
        ("age", json!({"kind": "x"})),
        ("wireguard", json!({"preshared": "yes"})),
        ("x509-ca", json!({"commonName": "", "days": 0})),
        ("x509-cert", json!({})),
        ("x509-cert", json!({"ca": "root", "sans": []})),
        (
            "x509-cert",
            json!({"ca": "root", "sans": ["a b", "1.2.3", "https://a.org", "-a"]}),
        ),
        ("x509-cert", json!({"ca": "../root", "sans": "a"})),
    ] {
        seen.extend(options(builtin, &said).expect_err(builtin));
    }
    let busy = json!({"packages": ["jq"], "needs": ["a"], "outputs": {"x": {"secret": true, "format": "text"}}, "prompts": {"p": {"description": "", "secret": true}}});
    seen.extend(read("hex", &busy).expect_err("a built-in does none of this"));
    insta::assert_debug_snapshot!(seen);
}
