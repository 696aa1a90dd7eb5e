//! Units as tables: what differs, and what becomes of it.

use super::units;
use infra_model::snapshot::{EtcEntry, EtcKind, Snapshot, UNITS};
use std::collections::BTreeSet;

/// Units by name, with their lines separated by `;`; `-> x` is a link.
fn system(units: &[(String, String)]) -> Snapshot {
    let entry = |text: &str| {
        if let Some(target) = text.strip_prefix("-> ") {
            return EtcEntry::link(target);
        }
        let text = text.replace(';', "\n");
        let mut entry = EtcEntry::file(&text, text.len() as u64, false);
        if let EtcKind::File { content, .. } = &mut entry.kind {
            *content = Some(text.into_bytes());
        }
        entry
    };
    Snapshot {
        etc: units
            .iter()
            .map(|(name, text)| (format!("{UNITS}{name}"), entry(text)))
            .collect(),
        ..Snapshot::default()
    }
}

/// Cases, one a line: `name | units before | units after | what runs`. Units are `name: text`, separated by ` & `; A and B are services; what runs
/// is `?` if that is not known.
fn told(cases: &str) -> String {
    let set = |text: &str| -> Vec<(String, String)> {
        text.split(" & ")
            .filter_map(|unit| unit.trim().split_once(": "))
            .map(|(name, text)| {
                let text = match text {
                    "A" => "[Service];ExecStart=a",
                    "B" => "[Service];ExecStart=b",
                    other => other,
                };
                (name.to_owned(), text.to_owned())
            })
            .collect()
    };
    let mut table = Vec::new();
    for case in cases.lines().filter(|line| !line.trim().is_empty()) {
        let parts: Vec<&str> = case.split('|').map(str::trim).collect();
        let [name, before, after, active] = parts[..] else {
            panic!("four parts: {case}");
        };
        let active = (active != "?").then(|| {
            let names = active.split_whitespace().map(str::to_owned);
            names.collect::<BTreeSet<String>>()
        });
        let changes = units(&system(&set(before)), &system(&set(after)), active.as_ref());
        let lists = [
            ("start", changes.start),
            ("stop", changes.stop),
            ("restart", changes.restart),
            ("reload", changes.reload),
            ("keep", changes.keep),
        ];
        let said: Vec<String> = lists
            .into_iter()
            .filter(|(_, units)| !units.is_empty())
            .map(|(what, units)| format!("{what} {}", units.join(" ")))
            .collect();
        table.push(format!("{name}: {}", said.join("; ")));
    }
    table.join("\n")
}

#[test]
fn what_differs_in_a_unit_decides_what_becomes_of_it() {
    insta::assert_snapshot!(told(
        r"
        same | a.service: A | a.service: A | a.service
        comment | a.service: A | a.service: # new;[Service];ExecStart=a | a.service
        described | a.service: A | a.service: [Unit];Description=x;[Service];ExecStart=a | a.service
        installed | a.service: A | a.service: [Service];ExecStart=a;[Install];WantedBy=x.target | a.service
        another program | a.service: A | a.service: B | a.service
        continued line | a.service: [Service];ExecStart=a \; b | a.service: [Service];ExecStart=a \;   c | a.service
        reset | a.service: [Service];ExecStart=x;ExecStart=;ExecStart=a | a.service: A | a.service
        reload triggers | a.service: A | a.service: [Unit];X-Reload-Triggers=1;[Service];ExecStart=a | a.service
        new way to reload | a.service: A | a.service: [Service];ExecStart=a;ExecReload=r | a.service
        no way to reload | a.service: [Service];ExecStart=a;ExecReload=r | a.service: A | a.service
        reloadIfChanged | a.service: A | a.service: [Service];X-ReloadIfChanged=true;ExecStart=b | a.service
        not restartIfChanged | a.service: A | a.service: [Service];X-RestartIfChanged=false;ExecStart=b | a.service
        not stopIfChanged | a.service: A | a.service: [Service];X-StopIfChanged=no;ExecStart=b | a.service
        refuses to stop | a.service: A | a.service: [Unit];RefuseManualStop=yes;[Service];ExecStart=b | a.service
        only by hand | a.service: A | a.service: [Unit];X-OnlyManualStart=on;[Service];ExecStart=b | a.service
        masked | a.service: A | a.service: -> /dev/null | a.service
        removed | a.service: A | | a.service
        removed, but stays | a.service: [Unit];X-StopOnRemoval=false;[Service];ExecStart=a | | a.service
        removed, and says so | a.service: [Unit];X-StopOnRemoval=true;[Service];ExecStart=a | | a.service
        does not run | a.service: A | a.service: B |
        drop-in | a.service: A & a.service.d/x.conf: [Service];User=a | a.service: A & a.service.d/x.conf: [Service];User=b | a.service
        only a drop-in goes | a.service.d/x.conf: [Service];User=a | | a.service
        instances | a@.service: A | a@.service: B | a@1.service a@2.service
    "
    ));
}

#[test]
fn what_a_unit_is_decides_too() {
    insta::assert_snapshot!(told(
        r"
        target | x.target: A | x.target: B | x.target
        slice | x.slice: A | x.slice: B | x.slice
        path | x.path: A | x.path: B | x.path
        socket | x.socket: A | x.socket: B | x.socket
        timer | x.timer: A | x.timer: B | x.timer
        mount | x.mount: A | x.mount: B | x.mount
        root | -.mount: A | -.mount: B | -.mount
        options of a mount | x.mount: [Mount];Options=ro | x.mount: [Mount];Options=rw | x.mount
        by its socket | a.service: A & a.socket: [Socket] | a.service: B & a.socket: [Socket] | a.service a.socket
        by a socket it names | a.service: A & b.socket: [Socket] | a.service: [Service];Sockets=b.socket & b.socket: [Socket] | a.service b.socket
        not by its socket | a.service: A & a.socket: [Socket] | a.service: [Service];X-NotSocketActivated=true & a.socket: [Socket] | a.service a.socket
        becomes a socket's | a.service: A | a.service: B & a.socket: [Socket] | a.service
    "
    ));
}

#[test]
fn what_is_pulled_in_is_started() {
    insta::assert_snapshot!(told(
        r"
        what runs is not known, wanted | a.service: A & m.target.wants/a.service: -> ../a.service | a.service: B & m.target.wants/a.service: -> ../a.service | ?
        what runs is not known, not wanted | a.service: A | a.service: B | ?
        new and wanted | | a.service: A & multi-user.target.wants/a.service: -> ../a.service | multi-user.target
        new, by somebody who does not run | o.target: [Unit] | o.target: [Unit] & o.target.wants/a.service: -> ../a.service & a.service: A |
        new, with what it needs | | a.service: A & multi-user.target.wants/a.service: -> ../a.service & a.service.requires/b.service: -> ../b.service & b.service: B | multi-user.target
        new, by hand | | a.service: [Unit];X-OnlyManualStart=yes & multi-user.target.wants/a.service: -> ../a.service | multi-user.target
        wanted before, does not run | a.service: A & multi-user.target.wants/a.service: -> ../a.service | a.service: A & multi-user.target.wants/a.service: -> ../a.service | multi-user.target
    "
    ));
}
