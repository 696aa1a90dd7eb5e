//! GRUB: the entry of a system in its menu, and whether it can forget what it was told to boot next.

use super::cannot;
use crate::host::Host;
use infra_model::{Diagnostic, StorePath};
use std::fs;

const MENU: &str = "/boot/grub/grub.cfg";
pub(super) const ENVIRONMENT: &str = "/boot/grub/grubenv";

/// Whether it boots this host; and if so, whether it can boot something once.
pub(super) fn is_there(host: &Host) -> Option<Result<(), String>> {
    let menu = fs::read_to_string(host.path(MENU)).ok()?;
    if !menu.contains("next_entry") {
        return Some(Err(format!("{MENU} does not read `next_entry`")));
    }
    let mounts = fs::read_to_string(host.path("/proc/self/mountinfo")).unwrap_or_default();
    Some(can_write(&mounts, ENVIRONMENT))
}

/// GRUB forgets `next_entry` by writing to its environment block before it boots. Where it cannot, «once» would be for ever.
fn can_write(mounts: &str, path: &str) -> Result<(), String> {
    const WRITABLE: [&str; 5] = ["ext2", "ext3", "ext4", "vfat", "xfs"];
    const LAYERED: [&str; 3] = ["/dev/dm-", "/dev/mapper/", "/dev/md"];
    let mount = mounts
        .lines()
        .filter_map(Mount::parse)
        .filter(|mount| mount.holds(path))
        .max_by_key(|mount| mount.point.len())
        .ok_or_else(|| format!("it is not known on which file system {path} is"))?;
    let Mount { kind, source, .. } = mount;
    if !WRITABLE.contains(&kind) || LAYERED.iter().any(|layer| source.starts_with(layer)) {
        return Err(format!(
            "GRUB cannot write to {path} ({kind} on {source}), so it would never forget what to boot next"
        ));
    }
    Ok(())
}

/// A line of `/proc/self/mountinfo`, see the manual of procfs.
#[derive(Debug, Clone, Copy)]
struct Mount<'m> {
    point: &'m str,
    kind: &'m str,
    source: &'m str,
}

impl<'m> Mount<'m> {
    fn parse(line: &'m str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        Some(Self {
            point: before.split(' ').nth(4)?,
            kind: after.next()?,
            source: after.next()?,
        })
    }

    fn holds(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.point.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// The entry that boots this system, by its place in the menu: `1>3` is the fourth of the second submenu.
pub(super) fn entry(host: &Host, system: &StorePath) -> Result<String, Diagnostic> {
    let menu = fs::read_to_string(host.path(MENU)).unwrap_or_default();
    place(&menu, &format!("init={system}/init"))
        .ok_or_else(|| cannot(&format!("{MENU} has no entry for {system}")))
}

/// Whether the first entry of the menu, which its installer makes the default, boots this system.
pub(super) fn check_default(host: &Host, system: &StorePath) -> Result<(), Diagnostic> {
    let menu = fs::read_to_string(host.path(MENU)).unwrap_or_default();
    if place(&menu, &format!("init={system}/init")).as_deref() == Some("0") {
        return Ok(());
    }
    Err(cannot(&format!(
        "with the new system in {MENU}, its first entry is not {system}, so nothing would bring that back"
    )))
}

/// What a brace has opened.
enum Block {
    /// A submenu, by its place, with the number of entries in it so far.
    Submenu(usize, usize),
    Entry(usize),
    /// A function, say.
    Other,
}

fn place(menu: &str, word: &str) -> Option<String> {
    let mut open: Vec<Block> = Vec::new();
    let mut top = 0;
    let mut conditions = 0_usize;
    for line in menu.lines().map(str::trim) {
        if matches!(open.last(), Some(Block::Entry(_)))
            && line.split_whitespace().any(|one| one == word)
        {
            return Some(path(&open));
        }
        let (opened, closed) = braces(line);
        let kind = line.split_whitespace().next().unwrap_or_default();
        let is_item = kind == "menuentry" || kind == "submenu";
        match kind {
            "if" if !line.ends_with("fi") => conditions += 1,
            "fi" => conditions = conditions.saturating_sub(1),
            _ => {}
        }
        if is_item && conditions > 0 && open.iter().all(|block| !matches!(block, Block::Entry(_))) {
            // Whether it counts, only GRUB finds out.
            return None;
        }
        for at in 0..opened {
            let block = match (is_item && at == 0, open.last_mut()) {
                (true, Some(Block::Submenu(_, next))) => item(kind, next),
                (true, None) => item(kind, &mut top),
                _ => Block::Other,
            };
            open.push(block);
        }
        open.truncate(open.len().saturating_sub(closed));
    }
    None
}

fn item(kind: &str, next: &mut usize) -> Block {
    let at = *next;
    *next += 1;
    if kind == "submenu" {
        Block::Submenu(at, 0)
    } else {
        Block::Entry(at)
    }
}

fn path(open: &[Block]) -> String {
    let numbers: Vec<String> = open
        .iter()
        .filter_map(|block| match block {
            Block::Submenu(at, _) | Block::Entry(at) => Some(at.to_string()),
            Block::Other => None,
        })
        .collect();
    numbers.join(">")
}

/// How many blocks a line opens and closes. Braces in quotes and of `${variables}` are none.
fn braces(line: &str) -> (usize, usize) {
    let (mut opened, mut closed) = (0, 0);
    let mut quote = None;
    let mut in_variable = false;
    let mut before = ' ';
    for letter in line.chars() {
        match (quote, letter) {
            (None, '#') if before.is_whitespace() => break,
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter && before != '\\' => quote = None,
            (None, '{') if before == '$' => in_variable = true,
            (None, '}') if in_variable => in_variable = false,
            (None, '{') => opened += 1,
            (None, '}') => closed += 1,
            _ => {}
        }
        before = letter;
    }
    (opened, closed)
}

#[cfg(test)]
mod tests {
    use super::{can_write, place};

    const MENU: &str = r#"
# A comment with a brace {
if [ "${next_entry}" ]; then
  set default="${next_entry}"
  save_env next_entry
fi
function look { echo "}"; }
menuentry "The newest {" --class nixos {
  linux ($drive1)//kernels/a init=/nix/store/c/init loglevel=4
}
submenu "All" --class submenu {
menuentry "Third" {
  linux ${root}/kernels/a init=/nix/store/c/init loglevel=4
}
menuentry "Second" --id 'it\"s' {
  if true; then linux x init=/nix/store/b/init; fi
}
  submenu "Old" {
    menuentry "First" {
      linux x init=/nix/store/a/init
    }
  }
}
menuentry "Memory test" {
  linux memtest
}
"#;

    #[test]
    fn an_entry_is_found_by_what_it_boots() {
        let found = |system: &str| place(MENU, &format!("init=/nix/store/{system}/init"));
        assert_eq!(found("c").as_deref(), Some("0"));
        assert_eq!(found("a").as_deref(), Some("1>2>0"));
        assert_eq!(found("d"), None);
        // A word with a semicolon is another word.
        assert_eq!(found("b"), None);
        // An entry that is there on some machines alone makes every number after it another.
        let unsure = MENU.replace(
            "menuentry \"The newest",
            "if [ x ]; then\nmenuentry \"Windows\" {\n}\nfi\nmenuentry \"The newest",
        );
        assert_eq!(place(&unsure, "init=/nix/store/a/init"), None);
        let memtest = place(MENU, "memtest");
        assert_eq!(memtest.as_deref(), Some("2"));
    }

    #[test]
    fn grub_writes_to_few_file_systems() {
        let mounts = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
            30 22 254:2 / /boot rw - KIND SOURCE rw\n\
            31 22 254:3 / /bootstrap rw - btrfs /dev/sdb rw\n";
        let on = |kind: &str, source: &str| {
            let mounts = mounts.replace("KIND", kind).replace("SOURCE", source);
            can_write(&mounts, "/boot/grub/grubenv")
        };
        for kind in ["ext4", "vfat", "xfs"] {
            assert_eq!(on(kind, "/dev/vda2"), Ok(()), "{kind}");
        }
        for (kind, source) in [
            ("btrfs", "/dev/vda2"),
            ("zfs", "pool/boot"),
            ("ext4", "/dev/mapper/vg-boot"),
            ("ext4", "/dev/md0"),
            ("ext4", "/dev/dm-0"),
        ] {
            let why = on(kind, source).unwrap_err();
            assert!(why.contains(kind) && why.contains(source), "{why}");
        }
        assert!(can_write("", "/boot/grub/grubenv").is_err());
        // Without a file system of its own it is on the root's.
        let root = mounts.lines().next().unwrap();
        assert_eq!(can_write(root, "/boot/grub/grubenv"), Ok(()));
    }
}
