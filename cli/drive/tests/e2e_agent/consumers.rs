//! Units that consume secrets hear of a change: those and no others, each once, and not if they have started since.

use crate::operator::{MARKER, Operator, bundle};
use infra_model::bundle::{Bundle, UnitReport};
use infra_testkit::{Host, HostKind, Lab, e2e_wanted};

/// `reader` gets a credential, `reloader` can reload, `picky` refuses one content, `bystander` consumes nothing.
pub(crate) const UNITS: &str = r#"
cd /run/systemd/system
cat >reader.service <<'UNIT'
[Service]
LoadCredential=db:/run/infra/secrets/db
ExecStartPre=/bin/sh -c 'cat "$CREDENTIALS_DIRECTORY/db" >/run/reader.got'
ExecStart=/bin/sleep infinity
UNIT
cat >reloader.service <<'UNIT'
[Service]
ExecStart=/bin/sleep infinity
ExecReload=/bin/sh -c 'cat /run/infra/secrets/tls >/run/reloader.got'
UNIT
cat >picky.service <<'UNIT'
[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/sh -c 'grep -q bad /run/infra/secrets/picky && exit 1; systemd-notify --ready; exec sleep infinity'
UNIT
cat >bystander.service <<'UNIT'
[Service]
ExecStart=/bin/sleep infinity
UNIT
systemctl daemon-reload
"#;

pub(crate) fn sent(db: &str, tls: &str, picky: &str) -> Bundle {
    let mut bundle = bundle(
        "web",
        &[("db", db), ("tls", tls), ("picky", picky), ("api", "1")],
    );
    bundle.secrets[0].units = vec!["reader".to_owned(), "reader.service".to_owned()];
    bundle.secrets[1].reload_units = vec!["reloader.service".to_owned()];
    bundle.secrets[2].units = vec!["picky.service".to_owned()];
    bundle.secrets[3].units = vec!["stopped.service".to_owned()];
    "daemon".clone_into(&mut bundle.secrets[3].owner);
    "daemon".clone_into(&mut bundle.secrets[3].group);
    bundle
}

fn pids(host: Host<'_>) -> Vec<String> {
    ["reader", "reloader", "picky", "bystander"]
        .iter()
        .map(|unit| {
            host.sh(&format!("systemctl show -P MainPID {unit}.service"))
                .unwrap()
        })
        .collect()
}

/// Which of two lists of processes differ.
fn differ(before: &[String], after: &[String]) -> Vec<usize> {
    (0..before.len())
        .filter(|at| before[*at] != after[*at])
        .collect()
}

#[test]
fn exactly_the_consumers_are_told() {
    if !e2e_wanted("exactly_the_consumers_are_told") {
        return;
    }
    let operator = Operator {
        lab: Lab::builder().host("web", HostKind::Systemd).up().unwrap(),
    };
    let web = operator.lab.host("web");
    let first = operator.receive("web", &sent("1", "1", "1"));
    assert_eq!(first.units.not_running.len(), 4, "{first:?}");
    web.sh(&format!(
        "{UNITS} systemctl start reader reloader picky bystander"
    ))
    .unwrap();
    assert_eq!(
        web.read_file("/run/reader.got").unwrap(),
        format!("{MARKER}-1")
    );
    assert_eq!(
        web.sh("stat -c '%U %a' /run/infra/secrets/api").unwrap(),
        "daemon 400"
    );
    assert_eq!(
        web.sh("findmnt -no FSTYPE /run/infra/secrets.d").unwrap(),
        "ramfs"
    );
    assert_eq!(operator.status("web").storage.as_deref(), Some("ramfs"));

    // A credential is given at the start: only a restart shows the new one.
    let before = pids(web);
    let begun = std::time::Instant::now();
    let applied = operator.receive("web", &sent("2", "1", "1"));
    println!("rotation of one secret: {:.2?}", begun.elapsed());
    assert_eq!(applied.secrets.changed, ["db"]);
    let only = |restarted: &[&str], reloaded: &[&str]| UnitReport {
        systemd: true,
        restarted: restarted.iter().map(|unit| (*unit).to_owned()).collect(),
        reloaded: reloaded.iter().map(|unit| (*unit).to_owned()).collect(),
        ..UnitReport::default()
    };
    assert_eq!(applied.units, only(&["reader.service"], &[]));
    assert_eq!(differ(&before, &pids(web)), [0]);
    assert_eq!(
        web.read_file("/run/reader.got").unwrap(),
        format!("{MARKER}-2")
    );

    let before = pids(web);
    let applied = operator.receive("web", &sent("2", "2", "1"));
    assert_eq!(applied.units, only(&[], &["reloader.service"]));
    assert!(
        differ(&before, &pids(web)).is_empty(),
        "nobody was restarted for it"
    );
    assert_eq!(
        web.read_file("/run/reloader.got").unwrap(),
        format!("{MARKER}-2")
    );

    let applied = operator.receive("web", &sent("2", "2", "bad"));
    assert_eq!(applied.units.failed.len(), 1, "{applied:?}");
    assert_eq!(applied.units.failed[0].unit, "picky.service");
    assert_eq!(applied.units.failed[0].state, "failed");

    // Nothing of it was said where it stays: in a journal, an argument, a file on disk.
    let said = web.sh(&format!("journalctl -q --no-pager | grep -c {MARKER} || true; grep -rl {MARKER} /var /etc /tmp || true")).unwrap();
    assert_eq!(said, "0");
    assert_ne!(
        web.sh(&format!("grep -rl {MARKER} /run/infra | wc -l"))
            .unwrap(),
        "0",
        "the control"
    );
}

#[test]
fn after_an_activation_only_those_are_told_that_did_not_start_in_it() {
    if !e2e_wanted("after_an_activation_only_those_are_told_that_did_not_start_in_it") {
        return;
    }
    let operator = Operator {
        lab: Lab::builder().host("web", HostKind::Systemd).up().unwrap(),
    };
    let web = operator.lab.host("web");
    operator.receive("web", &sent("1", "1", "1"));
    web.sh(&format!(
        "{UNITS} systemctl start reader reloader picky bystander"
    ))
    .unwrap();

    let mut new = sent("2", "1", "2");
    "newcomer".clone_into(&mut new.secrets[3].owner);
    let refused = operator
        .try_receive("web", &new, false)
        .expect_err("nobody knows the owner");
    assert_eq!(
        refused.title,
        "the owner `newcomer` of the secret `api` is not known on this host"
    );
    assert_eq!(operator.status("web").current, Some(1));

    let later = operator.try_receive("web", &new, true).unwrap();
    assert_eq!(
        later.units.pending,
        ["picky.service", "reader.service", "stopped.service"]
    );
    assert_eq!(later.deferred, ["api"]);
    // What an activation does: it makes users, and restarts a unit that is another now.
    web.sh("echo newcomer:x:777:777::/:/bin/false >>/etc/passwd; systemctl restart reader")
        .unwrap();
    let before = pids(web);
    let units = operator.restart("web").units;
    assert_eq!(units.started_since, ["reader.service"]);
    assert_eq!(units.restarted, ["picky.service"]);
    assert_eq!(units.not_running, ["stopped.service"]);
    assert_eq!(differ(&before, &pids(web)), [2]);
    assert_eq!(
        web.sh("stat -c %U /run/infra/secrets/api").unwrap(),
        "newcomer"
    );
    assert!(operator.status("web").pending.is_empty());
}
