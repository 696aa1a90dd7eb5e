//! How the agent gets onto a host, and what comes back from one that cannot have it.

use crate::operator::{MARKER, Operator, bundle};
use infra_model::Code;
use infra_testkit::{HostKind, Lab, Store, e2e_wanted};

#[test]
fn the_agent_is_sent_once_and_works_without_systemd() {
    if !e2e_wanted("the_agent_is_sent_once_and_works_without_systemd") {
        return;
    }
    let plain = HostKind::Plain(Store::Dir);
    let operator = Operator {
        lab: Lab::builder()
            .host("web", plain)
            .host("db", plain)
            .up()
            .unwrap(),
    };
    let web = operator.lab.host("web");
    let sent = operator.hello("web");
    let inode = || {
        web.sh("stat -Lc '%i %a' /var/lib/infra/agent/current/infra-agent")
            .unwrap()
    };
    let first = inode();
    let again = operator.hello("web");
    println!("hello: {sent:.2?} with sending, {again:.2?} without");
    assert_eq!(inode(), first, "it was not sent again");
    assert!(first.ends_with(" 700"), "{first}");

    let applied = operator.receive("web", &bundle("web", &[("db", "1")]));
    assert!(!applied.units.systemd);
    assert_eq!(
        web.read_file("/run/infra/secrets/db").unwrap(),
        format!("{MARKER}-1")
    );

    // A damaged one is none: it comes anew, and others of other releases go.
    web.sh("cd /var/lib/infra/agent; mkdir 0123456789abcdef; rm current/infra-agent")
        .unwrap();
    operator.hello("web");
    assert_eq!(
        web.sh("ls /var/lib/infra/agent | wc -l").unwrap(),
        "2",
        "it and the link to it"
    );

    // A key that is not the host's any more.
    web.sh("rm /etc/ssh/ssh_host_ed25519_key; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key").unwrap();
    let fault = operator
        .try_receive("web", &bundle("web", &[("db", "2")]), false)
        .expect_err("sealed to the old one");
    assert_eq!(fault.code, Code::UnusableKey, "{fault:?}");
    assert_eq!(fault.host.expect("a host").as_str(), "web");
    assert_eq!(
        web.read_file("/run/infra/secrets/db").unwrap(),
        format!("{MARKER}-1")
    );

    // A host that lets nothing be run from where the agent is.
    let db = operator.lab.host("db");
    db.sh("mount -o remount,bind,noexec /var/lib/infra")
        .unwrap();
    let fault = operator
        .try_receive("db", &bundle("db", &[("db", "1")]), false)
        .expect_err("noexec");
    assert!(fault.fix.expect("a fix").contains("noexec"));
}
