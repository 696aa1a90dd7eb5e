//! What the limits of our control group, and of those it lies in, leave of the memory.

use std::fs;
use std::path::{Path, PathBuf};

/// Limits from here on mean "no limit": version 1 writes a huge number where version 2 writes "max".
const NO_LIMIT: u64 = 1 << 60;

/// How a version of control groups names its files.
struct Names {
    /// What stops a group's growth: by killing (`max`), or by slowing it down to a crawl (`high`).
    limits: &'static [&'static str],
    used: &'static str,
    /// In `memory.stat`: pages of files that were not used lately. They count as used, but the kernel drops them before it kills.
    droppable: &'static str,
}

const VERSION_1: Names = Names {
    limits: &["memory.limit_in_bytes"],
    used: "memory.usage_in_bytes",
    droppable: "total_inactive_file",
};

const VERSION_2: Names = Names {
    limits: &["memory.max", "memory.high"],
    used: "memory.current",
    droppable: "inactive_file",
};

/// Bytes left by the limits of the groups that `own` (the text of `/proc/self/cgroup`) names, and of all above them, below the mount `root`;
/// `None` if nothing limits us.
pub(super) fn room(root: &Path, own: &str) -> Option<u64> {
    own.lines()
        .filter_map(|line| hierarchy(root, line))
        .flat_map(|(top, path, names)| {
            // In a container the path is often the one outside of it, which does not exist here; what does is our limit then.
            let groups: Vec<PathBuf> = top
                .join(path.trim_start_matches('/'))
                .ancestors()
                .take_while(|group| group.starts_with(&top))
                .map(Path::to_path_buf)
                .collect();
            groups
                .into_iter()
                .filter_map(move |group| room_in(&group, names))
        })
        .min()
}

/// Where the hierarchy of a line of `/proc/self/cgroup` is mounted, our group in it, and how its files are called; `None` if it does not
/// count memory.
fn hierarchy<'l>(root: &Path, line: &'l str) -> Option<(PathBuf, &'l str, &'static Names)> {
    // number:controllers:path, and the path may contain colons.
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    if controllers.is_empty() {
        // Beside version 1, version 2 has a folder of its own.
        let beside = root.join("unified");
        let top = if beside.is_dir() {
            beside
        } else {
            root.to_path_buf()
        };
        return Some((top, path, &VERSION_2));
    }
    controllers
        .split(',')
        .any(|name| name == "memory")
        // Controllers that are mounted together have a link for each.
        .then(|| (root.join("memory"), path, &VERSION_1))
}

fn room_in(group: &Path, names: &Names) -> Option<u64> {
    let number = |file: &str| -> Option<u64> {
        let text = fs::read_to_string(group.join(file)).ok()?;
        text.trim().parse().ok()
    };
    let limit = names
        .limits
        .iter()
        .filter_map(|file| number(file))
        .filter(|limit| *limit < NO_LIMIT)
        .min()?;
    let used = number(names.used)?;
    let droppable = fs::read_to_string(group.join("memory.stat"))
        .ok()
        .and_then(|stat| {
            let line = stat
                .lines()
                .find_map(|line| line.strip_prefix(names.droppable)?.strip_prefix(' '))?;
            line.trim().parse().ok()
        })
        .unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(droppable)))
}

#[cfg(test)]
mod tests {
    use super::room;
    use std::fs;

    struct Case {
        name: &'static str,
        /// The text of `/proc/self/cgroup`.
        own: &'static str,
        files: &'static [(&'static str, &'static str)],
        room: Option<u64>,
    }

    const CASES: &[Case] = &[
        Case {
            name: "version 2, our own limit",
            own: "0::/user.slice/run.scope\n",
            files: &[
                ("user.slice/run.scope/memory.max", "1000\n"),
                ("user.slice/run.scope/memory.current", "300\n"),
            ],
            room: Some(700),
        },
        Case {
            name: "version 2, the group above leaves less",
            own: "0::/user.slice/run.scope\n",
            files: &[
                ("user.slice/memory.max", "2000\n"),
                ("user.slice/memory.current", "1900\n"),
                ("user.slice/run.scope/memory.max", "1000\n"),
                ("user.slice/run.scope/memory.current", "300\n"),
            ],
            room: Some(100),
        },
        Case {
            name: "version 2, no limit of our own",
            own: "0::/a/b\n",
            files: &[
                ("a/memory.max", "5000\n"),
                ("a/memory.current", "1000\n"),
                ("a/b/memory.max", "max\n"),
                ("a/b/memory.current", "10\n"),
            ],
            room: Some(4000),
        },
        Case {
            name: "version 2, slowed down before it is killed",
            own: "0::/a\n",
            files: &[
                ("a/memory.max", "5000\n"),
                ("a/memory.high", "2000\n"),
                ("a/memory.current", "500\n"),
            ],
            room: Some(1500),
        },
        Case {
            name: "files the kernel would drop are free",
            own: "0::/a\n",
            files: &[
                ("a/memory.max", "5000\n"),
                ("a/memory.current", "4000\n"),
                (
                    "a/memory.stat",
                    "anon 1\ninactive_file 3000\nactive_file 9\n",
                ),
            ],
            room: Some(4000),
        },
        Case {
            name: "more is used than allowed",
            own: "0::/a\n",
            files: &[("a/memory.max", "10\n"), ("a/memory.current", "11\n")],
            room: Some(0),
        },
        Case {
            name: "a container's own view: its limit is at the top",
            own: "0::/\n",
            files: &[("memory.max", "800\n"), ("memory.current", "0\n")],
            room: Some(800),
        },
        Case {
            name: "a container that is told its path outside",
            own: "4:memory:/docker/0f3a\n",
            files: &[
                ("memory/memory.limit_in_bytes", "900\n"),
                ("memory/memory.usage_in_bytes", "100\n"),
            ],
            room: Some(800),
        },
        Case {
            name: "version 1, with a group above and colons in a name",
            own: "9:name=systemd:/x\n4:cpu,memory:/a/b:c\n",
            files: &[
                ("memory/a/memory.limit_in_bytes", "3000\n"),
                ("memory/a/memory.usage_in_bytes", "2500\n"),
                (
                    "memory/a/memory.stat",
                    "inactive_file 1\ntotal_inactive_file 500\n",
                ),
                ("memory/a/b:c/memory.limit_in_bytes", "2000\n"),
                ("memory/a/b:c/memory.usage_in_bytes", "500\n"),
            ],
            room: Some(1000),
        },
        Case {
            name: "version 1 without a limit, version 2 beside it with one that is not ours",
            own: "4:memory:/a\n0::/\n",
            files: &[
                ("memory/a/memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory/a/memory.usage_in_bytes", "1\n"),
                ("unified/cgroup.procs", ""),
                ("memory.max", "1\n"),
                ("memory.current", "0\n"),
            ],
            room: None,
        },
        Case {
            name: "no memory is counted",
            own: "1:cpu:/a\n0::/a\n",
            files: &[("a/memory.max", "not a number\n")],
            room: None,
        },
        Case {
            name: "nothing is mounted",
            own: "",
            files: &[],
            room: None,
        },
    ];

    #[test]
    fn the_least_that_any_limit_leaves_counts() {
        for case in CASES {
            let mount = tempfile::tempdir().expect("a folder");
            for (file, text) in case.files {
                let file = mount.path().join(file);
                fs::create_dir_all(file.parent().expect("a parent")).expect("writable");
                fs::write(file, text).expect("writable");
            }
            assert_eq!(room(mount.path(), case.own), case.room, "{}", case.name);
        }
    }
}
