//! Certificates, judged by openssl.

use super::super::tests::{bytes, given, job};
use super::super::{Given, make};
use crate::process::Stop;
use infra_model::NeedName;
use infra_model::recipe::{AltName, How, Job, Make};
use infra_testkit::process;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

fn need(name: &str) -> NeedName {
    NeedName::parse(name).expect("a name")
}

fn ca(days: u32) -> Job {
    let how = How::Builtin(Make::X509Ca {
        common_name: "Fleet, \"CA\" + ö".to_owned(),
        days,
    });
    job("ca", how, &[], &[("ca", true), ("ca.cert", false)])
}

fn leaf(days: u32) -> Job {
    let how = How::Builtin(Make::X509Cert {
        common_name: "web".to_owned(),
        names: vec![
            AltName::Dns("web.example.org".to_owned()),
            AltName::Dns("*.web.example.org".to_owned()),
            AltName::Ip("10.0.0.2".parse().expect("an address")),
            AltName::Ip("fd00::2".parse().expect("an address")),
        ],
        days,
        ca: need("ca"),
    });
    job(
        "tls",
        how,
        &["ca", "ca.cert"],
        &[("tls", true), ("tls.cert", false)],
    )
}

async fn made(job: &Job, given: &Given) -> BTreeMap<String, String> {
    let made = make(job, given, Stop::never()).await.expect("made");
    made.into_iter()
        .map(|(need, content)| {
            let text = String::from_utf8(content.to_vec()).expect("text");
            (need.to_string(), text)
        })
        .collect()
}

fn with(all: &BTreeMap<String, String>, names: &[(&str, &str)]) -> Given {
    let mut given = given();
    for (name, from) in names {
        given.needs.insert(need(name), bytes(all[*from].as_bytes()));
    }
    given
}

fn openssl(dir: &Path, args: &[&str]) -> Result<String, String> {
    let done = process("openssl")
        .args(args)
        .current_dir(dir)
        .output()
        .expect("openssl runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() {
        Ok(said)
    } else {
        Err(said + &error)
    }
}

fn files(all: &BTreeMap<String, String>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, content) in all {
        std::fs::write(dir.path().join(name), content).expect("written");
    }
    dir
}

#[tokio::test]
async fn openssl_accepts_what_we_sign() {
    let mut all = made(&ca(3650), &given()).await;
    all.extend(
        made(
            &leaf(365),
            &with(&all, &[("ca", "ca"), ("ca.cert", "ca.cert")]),
        )
        .await,
    );
    let other = made(&ca(3650), &given()).await;
    all.insert("other.cert".to_owned(), other["ca.cert"].clone());
    let dir = files(&all);
    let verify = |more: &[&str]| {
        let args = [
            &["verify", "-x509_strict", "-CAfile", "ca.cert"][..],
            more,
            &["tls.cert"],
        ]
        .concat();
        openssl(dir.path(), &args)
    };
    for good in [
        &[
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "web.example.org",
        ][..],
        &[
            "-purpose",
            "sslclient",
            "-verify_hostname",
            "a.web.example.org",
        ],
        &["-verify_ip", "10.0.0.2"],
        &["-verify_ip", "fd00::2"],
    ] {
        assert_eq!(verify(good).as_deref(), Ok("tls.cert: OK\n"), "{good:?}");
    }
    assert!(verify(&["-verify_hostname", "db.example.org"]).is_err());
    assert!(openssl(dir.path(), &["verify", "-CAfile", "other.cert", "tls.cert"]).is_err());
    let subject = openssl(
        dir.path(),
        &[
            "x509", "-in", "ca.cert", "-noout", "-subject", "-nameopt", "utf8",
        ],
    );
    assert_eq!(subject.as_deref(), Ok("subject=CN=Fleet, \"CA\" + ö\n"));
    for (key, cert) in [("ca", "ca.cert"), ("tls", "tls.cert")] {
        let of_key = openssl(dir.path(), &["pkey", "-in", key, "-pubout"]).expect("a key");
        let of_cert = openssl(dir.path(), &["x509", "-in", cert, "-noout", "-pubkey"])
            .expect("a certificate");
        assert_eq!(of_key, of_cert, "{key}");
    }
}

#[tokio::test]
async fn nothing_outlives_its_authority() {
    let mut all = made(&ca(10), &given()).await;
    let from = with(&all, &[("ca", "ca"), ("ca.cert", "ca.cert")]);
    all.extend(made(&leaf(365), &from).await);
    let dir = files(&all);
    let end = |cert: &str| {
        openssl(dir.path(), &["x509", "-in", cert, "-noout", "-enddate"]).expect("a certificate")
    };
    assert_eq!(end("tls.cert"), end("ca.cert"));
    let late = Given {
        now: SystemTime::now() + Duration::from_secs(11 * 86_400),
        ..from
    };
    let fault = make(&leaf(1), &late, Stop::never())
        .await
        .expect_err("expired");
    assert!(fault.title.contains("has expired"), "{fault:?}");
}

#[tokio::test]
async fn only_an_authority_signs() {
    let mut all = made(&ca(3650), &given()).await;
    let good = with(&all, &[("ca", "ca"), ("ca.cert", "ca.cert")]);
    all.extend(made(&leaf(365), &good).await);
    let other = made(&ca(3650), &given()).await;
    all.insert("other".to_owned(), other["ca"].clone());
    all.insert(
        "junk".to_owned(),
        "-----BEGIN PRIVATE KEY-----\nSECRETSECRET\n".to_owned(),
    );
    for (names, cause) in [
        (
            [("ca", "other"), ("ca.cert", "ca.cert")],
            "not the certificate of the key",
        ),
        (
            [("ca", "tls"), ("ca.cert", "tls.cert")],
            "not the certificate of an authority",
        ),
        ([("ca", "junk"), ("ca.cert", "ca.cert")], "no private key"),
        ([("ca", "ca"), ("ca.cert", "ca")], "no certificate"),
    ] {
        let fault = make(&leaf(365), &with(&all, &names), Stop::never())
            .await
            .expect_err(cause);
        assert!(
            fault
                .cause
                .as_ref()
                .is_some_and(|said| said.contains(cause)),
            "{fault:?}"
        );
        assert!(fault.fix.is_some() && !format!("{fault:?}").contains("SECRETSECRET"));
    }
    let nobody = make(&leaf(365), &given(), Stop::never())
        .await
        .expect_err("no authority");
    assert!(nobody.title.contains("needs `ca`"), "{nobody:?}");
}

#[tokio::test]
async fn keys_of_openssl_sign_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| openssl(dir.path(), args).expect("openssl works");
    run(&[
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
        "ca",
    ]);
    run(&[
        "req",
        "-x509",
        "-new",
        "-key",
        "ca",
        "-subj",
        "/CN=theirs",
        "-days",
        "90",
        "-out",
        "ca.cert",
    ]);
    let mut all = BTreeMap::new();
    for name in ["ca", "ca.cert"] {
        let text = std::fs::read_to_string(dir.path().join(name)).expect("written");
        all.insert(name.to_owned(), text);
    }
    assert!(
        all["ca"].contains("EC PRIVATE KEY"),
        "the older of two formats"
    );
    let made = made(
        &leaf(30),
        &with(&all, &[("ca", "ca"), ("ca.cert", "ca.cert")]),
    )
    .await;
    std::fs::write(dir.path().join("tls.cert"), &made["tls.cert"]).expect("written");
    assert_eq!(
        run(&["verify", "-CAfile", "ca.cert", "tls.cert"]),
        "tls.cert: OK\n"
    );
}
