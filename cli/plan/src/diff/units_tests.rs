use super::units;
use infra_model::snapshot::{EtcEntry, EtcKind, Snapshot, UNITS};
use std::collections::BTreeSet;

/// Units as `name: lines`, lines separated by `;`; `-> x` is a link.
fn system(units: &[(&str, &str)]) -> Snapshot {
    let entry = |text: &str| match text.strip_prefix("-> ") {
        Some(target) => EtcEntry::link(target),
        None => {
            let text = text.replace(';', "\n");
            let mut entry = EtcEntry::file(&text, text.len() as u64, false);
            if let EtcKind::File { content, .. } = &mut entry.kind {
                *content = Some(text.into_bytes());
            }
            entry
        }
    };
    Snapshot {
        etc: units
            .iter()
            .map(|(name, text)| (format!("{UNITS}{name}"), entry(text)))
            .collect(),
        ..Snapshot::default()
    }
}

fn told(before: &[(&str, &str)], after: &[(&str, &str)], active: Option<&[&str]>) -> String {
    let active: Option<BTreeSet<String>> =
        active.map(|units| units.iter().map(|unit| (*unit).to_owned()).collect());
    let changes = units(&system(before), &system(after), active.as_ref());
    [
        ("start", changes.start),
        ("stop", changes.stop),
        ("restart", changes.restart),
        ("reload", changes.reload),
        ("keep", changes.keep),
    ]
    .into_iter()
    .filter(|(_, units)| !units.is_empty())
    .map(|(what, units)| format!("{what} {}", units.join(" ")))
    .collect::<Vec<_>>()
    .join("; ")
}

#[test]
fn one_unit_that_runs() {
    const A: &str = "[Service];ExecStart=a";
    let cases: [(&str, &str, &str); 21] = [
        ("same", A, A),
        ("comment", A, "# new;[Service];ExecStart=a"),
        ("described", A, "[Unit];Description=x;[Service];ExecStart=a"),
        (
            "installed",
            A,
            "[Service];ExecStart=a;[Install];WantedBy=x.target",
        ),
        ("another program", A, "[Service];ExecStart=b"),
        (
            "continued line",
            "[Service];ExecStart=a \\; b",
            "[Service];ExecStart=a \\;   c",
        ),
        ("reset", "[Service];ExecStart=x;ExecStart=;ExecStart=a", A),
        (
            "reload triggers",
            A,
            "[Unit];X-Reload-Triggers=1;[Service];ExecStart=a",
        ),
        ("new way to reload", A, "[Service];ExecStart=a;ExecReload=r"),
        ("no way to reload", "[Service];ExecStart=a;ExecReload=r", A),
        (
            "reloadIfChanged",
            A,
            "[Service];X-ReloadIfChanged=true;ExecStart=b",
        ),
        (
            "restartIfChanged no",
            A,
            "[Service];X-RestartIfChanged=false;ExecStart=b",
        ),
        (
            "reloaded although kept",
            "[Service];X-RestartIfChanged=false;ExecStart=a",
            "[Unit];X-Reload-Triggers=1;[Service];X-RestartIfChanged=false;ExecStart=a",
        ),
        (
            "stopIfChanged no",
            A,
            "[Service];X-StopIfChanged=no;ExecStart=b",
        ),
        (
            "refuses stop",
            A,
            "[Unit];RefuseManualStop=yes;[Service];ExecStart=b",
        ),
        (
            "only by hand",
            A,
            "[Unit];X-OnlyManualStart=on;[Service];ExecStart=b",
        ),
        ("masked", A, "-> /dev/null"),
        ("removed", A, ""),
        (
            "removed, stays",
            "[Unit];X-StopOnRemoval=false;[Service];ExecStart=a",
            "",
        ),
        (
            "removed, no word",
            "[Unit];X-StopOnRemoval=true;[Service];ExecStart=a",
            "",
        ),
        ("new", "", A),
    ];
    let mut table = Vec::new();
    for (name, before, after) in cases {
        let list = |text: &'static str| match text {
            "" => Vec::new(),
            text => vec![("a.service", text)],
        };
        let said = told(&list(before), &list(after), Some(&["a.service"]));
        table.push(format!("{name}: {said}"));
    }
    insta::assert_snapshot!(table.join("\n"), @"
    same: 
    comment: 
    described: 
    installed: 
    another program: restart a.service
    continued line: restart a.service
    reset: 
    reload triggers: reload a.service
    new way to reload: reload a.service
    no way to reload: 
    reloadIfChanged: reload a.service
    restartIfChanged no: keep a.service
    reloaded although kept: reload a.service
    stopIfChanged no: restart a.service
    refuses stop: keep a.service
    only by hand: keep a.service
    masked: stop a.service
    removed: stop a.service
    removed, stays: 
    removed, no word: stop a.service
    new:
    ");
}

#[test]
fn kinds_of_units_and_who_pulls_them_in() {
    const A: &str = "[Service];ExecStart=a";
    const B: &str = "[Service];ExecStart=b";
    let all = |kinds: &[&str], text: &'static str| -> Vec<(String, &'static str)> {
        kinds
            .iter()
            .map(|kind| ((*kind).to_owned(), text))
            .collect()
    };
    let mut table = Vec::new();
    let mut case =
        |name: &str, before: &[(&str, &str)], after: &[(&str, &str)], active: Option<&[&str]>| {
            table.push(format!("{name}: {}", told(before, after, active)));
        };
    for kind in [
        "x.target", "x.slice", "x.path", "x.socket", "x.timer", "x.mount", "-.mount",
    ] {
        let (before, after) = (all(&[kind], A), all(&[kind], B));
        let before: Vec<_> = before.iter().map(|(n, t)| (n.as_str(), *t)).collect();
        let after: Vec<_> = after.iter().map(|(n, t)| (n.as_str(), *t)).collect();
        case(kind, &before, &after, Some(&[kind]));
    }
    let options = |text| [("x.mount", text)];
    case(
        "mount options",
        &options("[Mount];Options=ro"),
        &options("[Mount];Options=rw"),
        Some(&["x.mount"]),
    );
    case(
        "not running",
        &[("a.service", A)],
        &[("a.service", B)],
        Some(&[]),
    );
    case(
        "not known, pulled in",
        &[
            ("a.service", A),
            ("m.target.wants/a.service", "-> ../a.service"),
        ],
        &[
            ("a.service", B),
            ("m.target.wants/a.service", "-> ../a.service"),
        ],
        None,
    );
    case(
        "not known, nobody wants it",
        &[("a.service", A)],
        &[("a.service", B)],
        None,
    );
    case(
        "drop-in",
        &[("a.service", A), ("a.service.d/x.conf", "[Service];User=a")],
        &[("a.service", A), ("a.service.d/x.conf", "[Service];User=b")],
        Some(&["a.service"]),
    );
    case(
        "only a drop-in goes",
        &[("a.service.d/x.conf", "[Service];User=a")],
        &[],
        Some(&["a.service"]),
    );
    case(
        "instance",
        &[("a@.service", A)],
        &[("a@.service", B)],
        Some(&["a@1.service", "a@2.service"]),
    );
    case(
        "socket",
        &[("a.service", A), ("a.socket", "[Socket]")],
        &[("a.service", B), ("a.socket", "[Socket]")],
        Some(&["a.service", "a.socket"]),
    );
    case(
        "not by its socket",
        &[("a.service", A), ("a.socket", "[Socket]")],
        &[
            (
                "a.service",
                "[Service];X-NotSocketActivated=true;ExecStart=b",
            ),
            ("a.socket", "[Socket]"),
        ],
        Some(&["a.service", "a.socket"]),
    );
    case(
        "becomes a socket's",
        &[("a.service", A)],
        &[("a.service", B), ("a.socket", "[Socket]")],
        Some(&["a.service"]),
    );
    let wanted = [
        ("multi-user.target.wants/a.service", "-> ../a.service"),
        ("a.service", A),
    ];
    case("new and wanted", &[], &wanted, Some(&["multi-user.target"]));
    case(
        "new, wanted by nobody that runs",
        &[("other.target", "[Unit]")],
        &[
            ("other.target", "[Unit]"),
            ("other.target.wants/a.service", "-> ../a.service"),
            ("a.service", A),
        ],
        Some(&[]),
    );
    case(
        "new, and what it needs",
        &[],
        &[
            wanted[0],
            wanted[1],
            ("a.service.requires/b.service", "-> ../b.service"),
            ("b.service", B),
        ],
        Some(&["multi-user.target"]),
    );
    case(
        "new, by hand",
        &[],
        &[
            wanted[0],
            (
                "a.service",
                "[Unit];X-OnlyManualStart=yes;[Service];ExecStart=a",
            ),
        ],
        Some(&["multi-user.target"]),
    );
    case(
        "was wanted before and does not run",
        &wanted,
        &wanted,
        Some(&["multi-user.target"]),
    );
    insta::assert_snapshot!(table.join("\n"), @"
    x.target: 
    x.slice: 
    x.path: 
    x.socket: 
    x.timer: restart x.timer
    x.mount: restart x.mount
    -.mount: reload -.mount
    mount options: reload x.mount
    not running: 
    not known, pulled in: restart a.service
    not known, nobody wants it: 
    drop-in: restart a.service
    only a drop-in goes: restart a.service
    instance: restart a@1.service a@2.service
    socket: stop a.service; restart a.socket
    not by its socket: restart a.service
    becomes a socket's: stop a.service
    new and wanted: start a.service
    new, wanted by nobody that runs: 
    new, and what it needs: start a.service b.service
    new, by hand: 
    was wanted before and does not run:
    ");
}
