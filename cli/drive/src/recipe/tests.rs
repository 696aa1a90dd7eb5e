//! Built-ins make all of what they promise; and what the tests beside this one share.

use super::{Bytes, Given, TIMEOUT, make};
use crate::process::Stop;
use infra_model::contract::{Declared, Format, Prompt};
use infra_model::recipe::{Clear, How, Job, JobId, Make, Owner, Product};
use infra_model::{HostName, NeedName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;
use zeroize::Zeroizing;

fn need(name: &str) -> NeedName {
    NeedName::parse(name).expect("a name")
}

pub(super) fn bytes(content: &[u8]) -> Bytes {
    Zeroizing::new(content.to_vec())
}

pub(super) fn given() -> Given {
    Given {
        needs: BTreeMap::new(),
        prompts: BTreeMap::new(),
        packages: Vec::new(),
        now: SystemTime::now(),
        timeout: TIMEOUT,
    }
}

/// A job: its needs, and its products with whether they are secret.
pub(super) fn job(name: &str, how: How, needs: &[&str], products: &[(&str, bool)]) -> Job {
    let host = HostName::parse("web").expect("a name");
    let owner = Owner::Host(host.clone());
    let product = |(name, secret): &(&str, bool)| {
        let made = Product {
            output: need(name),
            secret: *secret,
            format: Format::Text,
        };
        (need(name), made)
    };
    Job {
        id: JobId {
            owner: owner.clone(),
            name: need(name),
        },
        recipe: need("r"),
        how,
        needs: needs
            .iter()
            .map(|name| (need(name), owner.clone()))
            .collect(),
        prompts: BTreeMap::new(),
        products: products.iter().map(product).collect(),
        watched: BTreeMap::new(),
        seed: None,
        expires: None,
        every: None,
        hosts: BTreeSet::from([host]),
        declared: vec![Declared {
            file: "modules/m/contract.nix".to_owned(),
            line: Some(7),
            column: None,
        }],
    }
}

fn hash(clear: Clear, needs: &[&str], made: &[(&str, bool)]) -> Job {
    job("ada", How::Builtin(Make::PasswordHash(clear)), needs, made)
}

#[tokio::test]
async fn a_password_that_is_made_is_kept_beside_its_hash() {
    let both = hash(
        Clear::Generated(24),
        &[],
        &[("ada", true), ("ada.password", true)],
    );
    let made = make(&both, &given(), Stop::never()).await.expect("made");
    let names: Vec<&str> = made.keys().map(NeedName::as_str).collect();
    assert_eq!(names, ["ada", "ada.password"]);
    assert!(made[&need("ada")].starts_with(b"$y$"));
    assert_eq!(made[&need("ada.password")].len(), 24);
}

#[tokio::test]
async fn a_password_that_somebody_gives_is_not() {
    let mut of_prompt = hash(Clear::Prompt(need("p")), &[], &[("ada", true)]);
    let prompt = Prompt {
        description: String::new(),
        secret: true,
    };
    of_prompt.prompts.insert(need("p"), prompt);
    let mut answers = given();
    answers.prompts.insert(need("p"), bytes(b"hunter2\n"));
    let made = make(&of_prompt, &answers, Stop::never())
        .await
        .expect("made");
    assert_eq!(made.len(), 1);
    let nobody = make(&of_prompt, &given(), Stop::never())
        .await
        .expect_err("nobody answered");
    assert!(nobody.title.contains("asks for `p`"), "{nobody:?}");

    let of_need = hash(Clear::Need(need("clear")), &["clear"], &[("ada", true)]);
    for wrong in ["", "\n", "a\nb", "a\0b"] {
        let mut needs = given();
        needs.needs.insert(need("clear"), bytes(wrong.as_bytes()));
        let fault = make(&of_need, &needs, Stop::never())
            .await
            .expect_err(wrong);
        assert!(fault.title.contains("nobody could type"), "{fault:?}");
    }
}

#[tokio::test]
async fn each_built_in_makes_what_is_promised() {
    let characters = vec!['a', 'b'];
    let makes = [
        Make::Password {
            length: 9,
            characters,
        },
        Make::Hex { bytes: 8 },
        Make::Passphrase {
            words: 4,
            separator: "-".to_owned(),
        },
        Make::SshEd25519 {
            comment: "c".to_owned(),
        },
        Make::Age,
        Make::Wireguard { preshared: false },
        Make::Wireguard { preshared: true },
        Make::X509Ca {
            common_name: "ca".to_owned(),
            days: 2,
        },
        Make::PasswordHash(Clear::Generated(8)),
    ];
    for how in makes {
        let extras = how.extras();
        let names: Vec<(String, bool)> = extras
            .iter()
            .map(|extra| (format!("n.{}", extra.suffix), extra.secret))
            .collect();
        let mut products = vec![("n", true)];
        products.extend(names.iter().map(|(name, secret)| (name.as_str(), *secret)));
        let done = job("n", How::Builtin(how.clone()), &[], &products);
        let made = make(&done, &given(), Stop::never()).await.expect("made");
        assert!(
            made.keys().eq(done.products.keys()),
            "{how:?}: {:?}",
            made.keys()
        );
        assert!(made.values().all(|content| !content.is_empty()));
    }
}
