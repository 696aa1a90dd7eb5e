//! `infra-lab up`: hosts in the foreground.

use std::process::ExitCode;
use std::time::Instant;

use infra_testkit::{Body, HostRequest, Lab, Store, infra_binary};

use crate::signals::Interrupts;
use crate::{Failure, say};

pub(crate) fn run(hosts: Vec<HostRequest>) -> Result<ExitCode, Failure> {
    let interrupts = Interrupts::hear()?;
    let begun = Instant::now();
    let mut builder = Lab::builder().requests(hosts);
    if let Some(folder) = infra_binary().parent() {
        builder = builder.bin_dir(folder);
    }
    let lab = builder.up()?;
    let seconds = begun.elapsed().as_secs_f32();
    say::line(format!("lab {} is up after {seconds:.1} s", lab.tag()));
    describe(&lab);
    stay(lab, &interrupts)
}

/// The hosts, and what can be done with them.
pub(crate) fn describe(lab: &Lab) {
    for host in lab.hosts() {
        let (config, store) = (host.config(), host.config().store);
        let kind = match config.body {
            Body::Machine => "machine",
            Body::Systemd => "systemd",
            Body::Plain => "plain",
        };
        let store = match store {
            Store::Dir => String::new(),
            Store::Tmpfs { mib } => format!(", {mib} MiB of memory as its store"),
            Store::Ext4 { mib } => format!(", {mib} MiB of disk as its store"),
        };
        say::line(format!(
            "  {:<12} {:<12} {kind}{store}",
            host.name(),
            host.address()
        ));
    }
    let name = lab.hosts().next().map_or("HOST", |host| host.name());
    let own = own_name();
    let config = lab.ssh_config();
    for (command, what) in [
        (
            format!("{own} shell"),
            "a shell on the operator's machine, where names resolve and Nix is; there:",
        ),
        (
            format!("  ssh -F {} {name}", config.display()),
            "a login on a host",
        ),
        (
            String::from("  infra -C REPO deploy --all"),
            "the program, if it is built",
        ),
        (
            format!("{own} exec {name} journalctl"),
            "a command on a host, without ssh",
        ),
        (
            format!("{own} fault {name} partition"),
            "one of the things that go wrong",
        ),
        (
            format!("{own} lock REPO"),
            "makes any repository deploy to these hosts",
        ),
    ] {
        say::line(format!("{command}\n      {what}"));
    }
}

/// How this program was called: the demo calls it by its path, since nothing puts it into anybody's PATH.
fn own_name() -> String {
    std::env::args()
        .next()
        .unwrap_or_else(|| "infra-lab".to_owned())
}

/// Keeps a lab until somebody wants it to end.
pub(crate) fn stay(lab: Lab, interrupts: &Interrupts) -> Result<ExitCode, Failure> {
    say::line("Ctrl-C takes it down.");
    interrupts.wait();
    lab.down()?;
    say::line("\nEverything is gone again.");
    Ok(ExitCode::SUCCESS)
}
