//! What all end-to-end tests of the lab share.

use std::fs;
use std::path::Path;
use std::time::Duration;

use infra_testkit::{Finished, Lab, Places, Run, mounts_below};

/// Longer than anything here takes on two busy cores.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Runs a shell script on the operator's machine.
pub(crate) fn operator(lab: &Lab, script: &str) -> Finished {
    lab.controller("bash")
        .args(["-uc", script])
        .run(SOON)
        .unwrap()
}

/// Runs a command on a host by ssh, with its true key known.
pub(crate) fn ssh(lab: &Lab, host: &str, command: &str) -> Finished {
    lab.ssh(host).arg(command).run(SOON).unwrap()
}

/// Everything on this machine that still belongs to labs whose tag starts so.
pub(crate) fn leftovers(tag: &str) -> Vec<String> {
    let run = Places::from_env().run();
    let mut left = Vec::new();
    let mut note = |what: &str, found: Vec<String>| {
        left.extend(found.into_iter().map(|found| format!("{what} {found}")));
    };
    note("folder", names(&run, tag));
    note(
        "mount",
        mounts_below(&run)
            .iter()
            .map(|point| point.display().to_string())
            .filter(|point| point.contains(tag))
            .collect(),
    );
    for tree in [
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/systemd",
        "/sys/fs/cgroup/unified",
    ] {
        note(
            "control group",
            names(Path::new(tree), &format!("infra-{tag}")),
        );
    }
    for kept in ["propagate", "unix-export"] {
        note(
            "nspawn folder",
            names(&Path::new("/run/systemd/nspawn").join(kept), tag),
        );
    }
    note("loop device", loops(tag));
    note("process", processes(tag));
    left
}

fn names(folder: &Path, start: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(start))
        .collect()
}

fn loops(tag: &str) -> Vec<String> {
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    devices
        .filter_map(|device| fs::read_to_string(device.path().join("loop/backing_file")).ok())
        .filter(|file| file.contains(tag))
        .collect()
}

/// Processes that name the lab in their arguments or environment: all that a lab starts do, for
/// they are told its folder, and what they start inherits it.
fn processes(tag: &str) -> Vec<String> {
    let own = std::process::id().to_string();
    names(Path::new("/proc"), "")
        .into_iter()
        .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && *pid != own)
        .filter_map(|pid| {
            let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let text = [read("cmdline"), read("environ")].concat();
            let text = String::from_utf8_lossy(&text).replace('\0', " ");
            text.contains(tag).then(|| format!("{pid}: {text}"))
        })
        .collect()
}

/// Waits for the last things to go, which the kernel does in its own time, and then wants nothing.
#[track_caller]
pub(crate) fn assert_nothing_left(tag: &str) {
    let mut left = Vec::new();
    for _ in 0..100 {
        left = leftovers(tag);
        if left.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("left behind by {tag}:\n{}", left.join("\n"));
}
