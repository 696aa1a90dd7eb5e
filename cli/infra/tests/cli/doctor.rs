//! `doctor`: what is looked at, and that hosts are looked at side by side.

use crate::env::Env;
use serde_json::Value;

/// What was checked, as "host: about".
fn checked(env: &Env, words: &[&str]) -> Vec<String> {
    let mut all = vec!["doctor", "--json"];
    all.extend(words);
    let output = env.output(&all);
    let text = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(&text).expect(&text);
    let patients = answer["hosts"].as_array().expect("a list").iter();
    patients
        .flat_map(|patient| {
            let name = patient["name"].as_str().unwrap_or("here").to_owned();
            let checks = patient["checks"].as_array().expect("a list").iter();
            let about = checks.map(|check| check["about"].as_str().expect("text").to_owned());
            about
                .map(move |about| format!("{name}: {about}"))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn keys_are_looked_at_of_the_hosts_that_were_asked_for() {
    let env = Env::pair();
    let db = "here: key of db".to_owned();
    assert!(
        checked(&env, &[]).contains(&db),
        "nothing selected: all of them"
    );
    assert!(checked(&env, &["db"]).contains(&db));
    let web = checked(&env, &["web"]);
    assert!(!web.contains(&db), "{web:?}");
    assert!(web.contains(&"web: ssh".to_owned()), "{web:?}");
}

#[test]
fn hosts_are_looked_at_side_by_side_and_told_in_order() {
    let does = r#"echo begin >> "$FAKE_LOG"; sleep 0.5; echo end >> "$FAKE_LOG""#;
    let env = Env::pair().set("FAKE_SSH_DOES", does);
    env.write("hosts/db/host.pub", crate::env::KEY);
    let hosts = checked(&env, &["--all"]);
    let told: Vec<_> = hosts
        .iter()
        .filter(|line| line.ends_with(": ssh"))
        .collect();
    assert_eq!(told, ["here: ssh", "db: ssh", "web: ssh"]);
    let calls = env.calls();
    let mut order = calls
        .iter()
        .filter(|call| *call == "begin" || *call == "end");
    // `ssh -V` for this machine comes first, alone.
    assert_eq!(
        order.next().zip(order.next()),
        Some((&"begin".into(), &"end".into()))
    );
    assert_eq!(
        order.next().zip(order.next()),
        Some((&"begin".into(), &"begin".into())),
        "{calls:?}"
    );
}
