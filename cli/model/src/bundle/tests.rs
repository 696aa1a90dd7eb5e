//! Bundles and answers: what is read, what is refused, and that nothing shows a secret.

use super::{Bundle, Hello, Mode, Phase, Plain, Secret, Template, parse_report};
use crate::HostName;
use std::collections::BTreeMap;

const MARKER: &str = "correct horse battery staple";

fn secret(name: &str) -> Secret {
    Secret {
        name: name.to_owned(),
        fingerprint: "abcdefgh".to_owned(),
        phase: Phase::Services,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: Mode::parse("0400").expect("a mode"),
        units: vec!["web.service".to_owned()],
        restart_units: Vec::new(),
        reload_units: Vec::new(),
        grace: Some(60),
        content: Plain::new(MARKER.as_bytes().to_vec()),
    }
}

fn template(name: &str, path: &str) -> Template {
    Template {
        name: name.to_owned(),
        path: path.to_owned(),
        source: "x = {{ secrets.db }}".to_owned(),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: Mode::parse("440").expect("a mode"),
        units: Vec::new(),
        restart_units: Vec::new(),
        reload_units: Vec::new(),
        values: BTreeMap::new(),
    }
}

fn bundle(secrets: Vec<Secret>, templates: Vec<Template>) -> Bundle {
    let host = HostName::parse("web").expect("a name");
    Bundle::new(host, "run-1".to_owned(), secrets, templates)
}

fn read_again(bundle: &Bundle) -> Result<Bundle, String> {
    let json = bundle.to_json().expect("JSON");
    Bundle::parse(&json).map_err(|fault| fault.title)
}

#[test]
fn a_bundle_comes_back_as_it_was() {
    let before = bundle(
        vec![secret("db"), secret("..tricky".trim_start_matches('.'))],
        vec![template("conf", "/etc/web.conf")],
    );
    assert_eq!(read_again(&before), Ok(before));
}

#[test]
fn nothing_shows_a_secret() {
    let bundle = bundle(vec![secret("db")], Vec::new());
    let shown = format!("{bundle:?} {bundle:#?}");
    assert!(
        shown.contains("[secret]") && !shown.contains("horse"),
        "{shown}"
    );
    let json = String::from_utf8(bundle.to_json().expect("JSON").to_vec()).expect("text");
    let encoded = serde_json::to_string(&secret("db").content).expect("JSON");
    assert!(json.contains(&encoded), "the control: it is in there");
    // A value of the wrong type is quoted by the parser, and it could be the secret.
    for (right, wrong) in [
        (encoded.as_str(), "7"),
        ("\"services\"", encoded.as_str()),
        ("60", &encoded),
    ] {
        let fault = Bundle::parse(json.replace(right, wrong).as_bytes()).expect_err("broken");
        let shown = format!("{fault:?}");
        assert!(!shown.contains(encoded.trim_matches('"')), "{shown}");
    }
}

#[test]
fn says_which_side_is_older() {
    let json = bundle(Vec::new(), Vec::new()).to_json().expect("JSON");
    let json = String::from_utf8(json.to_vec()).expect("text");
    let text = |schema: &str| {
        let json = json.replace("\"schema\":1", schema);
        let fault = Bundle::parse(json.as_bytes()).expect_err("refused");
        format!("{} / {}", fault.title, fault.fix.unwrap_or_default())
    };
    insta::assert_snapshot!(text("\"schema\":2,\"new\":true"), @"the bundle has schema 2, this agent understands 1 / the agent is older: deploy again with the command that sealed the bundle, which brings its own agent");
    insta::assert_snapshot!(text("\"schema\":0"), @"the bundle has schema 0, this agent understands 1 / the bundle is older: deploy again with this release of the command");
    insta::assert_snapshot!(text("\"schema\":1,\"new\":true"), @"the bundle is not one that this agent understands / deploy again: the command brings an agent of its own release");

    let hello = r#"{"schema":1,"agent":"0.1.0","protocol":2}"#;
    assert_eq!(
        parse_report::<Hello>(hello).expect("understood").protocol,
        2
    );
    let text = |json: &str| {
        let fault = parse_report::<Hello>(json).expect_err("refused");
        format!("{} / {}", fault.title, fault.fix.unwrap_or_default())
    };
    insta::assert_snapshot!(text(&hello.replace("a\":1", "a\":2")), @"the agent answers with schema 2, this command understands 1 / this command is older: update it");
    insta::assert_snapshot!(text(&hello.replace("a\":1", "a\":0")), @"the agent answers with schema 0, this command understands 1 / the agent is older: put the one of this release beside the command, or name it in INFRA_AGENT");
    insta::assert_snapshot!(text("Welcome to web!"), @"the agent answered something this version of infra does not understand / use an agent of the same release as this command (it lies beside it, or INFRA_AGENT names it)");
}

#[test]
fn names_and_paths_that_would_lead_astray_are_refused() {
    let long = "a".repeat(129);
    let mut told = Vec::new();
    for name in ["", ".ssh", "-rf", "a/b", "..", "a b", "ä", "a\nb", &long] {
        told.push(read_again(&bundle(vec![secret(name)], Vec::new())).expect_err(name));
        told.push(read_again(&bundle(Vec::new(), vec![template(name, "/x")])).expect_err(name));
    }
    for path in ["", "etc/x", "/etc/../root/x", "/etc/./x", "/etc/", "/a\0b"] {
        told.push(read_again(&bundle(Vec::new(), vec![template("t", path)])).expect_err(path));
    }
    told.push(read_again(&bundle(vec![secret("a"), secret("a")], Vec::new())).expect_err("twice"));
    told.push(
        read_again(&bundle(vec![secret("a"), secret("a.previous")], Vec::new()))
            .expect_err("taken"),
    );
    told.dedup();
    insta::assert_snapshot!(told.join("\n"), @"`` cannot be the name of a need: it is empty\n`.ssh` cannot be the name of a need: it begins with '.' or '-'\n`-rf` cannot be the name of a need: it begins with '.' or '-'\n`a/b` cannot be the name of a need: it has characters other than letters, digits and _.-\n`..` cannot be the name of a need: it begins with '.' or '-'\n`a b` cannot be the name of a need: it has characters other than letters, digits and _.-\n`ä` cannot be the name of a need: it has characters other than letters, digits and _.-\n`a\\nb` cannot be the name of a need: it has characters other than letters, digits and _.-\n`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` cannot be the name of a need: it is longer than 128 characters\n`` cannot be the path of the template `t`: it must be absolute, name a file, and have no `.` or `..` in it\n`etc/x` cannot be the path of the template `t`: it must be absolute, name a file, and have no `.` or `..` in it\n`/etc/../root/x` cannot be the path of the template `t`: it must be absolute, name a file, and have no `.` or `..` in it\n`/etc/./x` cannot be the path of the template `t`: it must be absolute, name a file, and have no `.` or `..` in it\n`/etc/` cannot be the path of the template `t`: it must be absolute, name a file, and have no `.` or `..` in it\n`/a\0b` cannot be the path of the template `t`: it must be absolute, name a file, and have no `.` or `..` in it\nthe secret `a` is there twice\nthe secret `a.previous` has the name under which the previous content of `a` is kept");
    let fine = "a".repeat(128);
    assert!(read_again(&bundle(vec![secret(&fine), secret("_A.b-c9")], Vec::new())).is_ok());
}

#[test]
fn modes_are_three_octal_digits() {
    let bits = |text| Mode::parse(text).map(Mode::bits);
    assert_eq!(bits("0400"), Some(0o400));
    assert_eq!(bits("640"), Some(0o640));
    for bad in [
        "", "04000", "4400", "888", "+40", "0x1", "-400", "00", "rw-",
    ] {
        assert_eq!(bits(bad), None, "{bad}");
    }
    assert_eq!(
        Mode::parse("640").map(|mode| mode.to_string()).as_deref(),
        Some("0640")
    );
}

#[test]
fn phases_are_ordered_as_a_boot_is() {
    assert!(
        Phase::Install < Phase::Initrd
            && Phase::Initrd < Phase::Users
            && Phase::Users < Phase::Services
    );
    assert_eq!(Phase::parse("users"), Some(Phase::Users));
    assert_eq!(Phase::parse("late"), None);
}
