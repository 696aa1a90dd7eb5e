//! A host with a boot loader, of each kind the agent knows, that boots what it was told to: once, or by default.

use crate::change_scene::{SOON, link, script, system, target};
use crate::scene::Scene;
use infra_model::change::{ChangePhase, Order, Reboot};
use std::fs;
use std::time::{Duration, Instant};

const RESTART: &str = r#"#!/bin/sh
root=${0%/usr/local/bin/systemctl}
case $* in *reboot) echo "$*" >>"$root/restarts" ;; esac
"#;

const HOOK: &str = r#"#!/bin/sh
root=${0%/etc/infra/boot-once}
case $1 in
  set) ln -sfn "$2" "$root/nix/boot-next" ;;
  clear) rm -f "$root/nix/boot-next" ;;
esac
"#;

/// The menu: a line `NUMBER SYSTEM` for each generation. Read by `boot` of every system.
const MENU: &str = r#"
cd "$root/nix/var/nix/profiles"
for link in system-*-link; do
  number=${link#system-}
  echo "${number%-link} $(readlink "$link")"
done | sort -n >"$root/nix/menu"
# Installers that keep few entries, or make the newest the default.
if [ -e "$root/one-entry" ]; then tail -n 1 "$root/nix/menu" >"$root/nix/menu.1"; mv "$root/nix/menu.1" "$root/nix/menu"; fi
default=$(sed -n "s|^\([0-9]*\) $system\$|\1|p" "$root/nix/menu" | tail -n 1)
if [ -e "$root/newest" ]; then default=$(tail -n 1 "$root/nix/menu"); default=${default%% *}; fi
mkdir -p "$root/boot/loader"
echo "default nixos-generation-$default.conf" >"$root/boot/loader/loader.conf"
"#;

const BOOTCTL: &str = r#"#!/bin/sh
root=${0%/usr/local/bin/bootctl}
variable=$root/sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f
case $1 in
  --print-esp-path) echo /boot ;;
  list)
    printf '['
    while read -r number system; do
      printf '{"type":"type1","id":"nixos-generation-%s.conf","options":"init=%s/init"},' "$number" "$system"
    done <"$root/nix/menu"
    printf '{"type":"auto","id":"auto-reboot-to-firmware-setup"}]' ;;
  set-oneshot)
    if [ -z "$2" ]; then rm "$variable" "$root/nix/boot-next"; exit; fi
    number=${2#nixos-generation-}
    if [ -e "$root/forgetful" ]; then exit 0; fi
    { printf 'aaaa'; printf '%s' "$2" | sed 's/./&\x00/g'; printf '\000\000'; } >"$variable"
    ln -sfn "$(sed -n "s/^${number%.conf} //p" "$root/nix/menu")" "$root/nix/boot-next" ;;
esac
"#;

/// GRUB's menu, made of the other one.
const GRUB_MENU: &str = r#"
if [ -e "$root/newest" ]; then system=$(tail -n 1 "$root/nix/menu"); system=${system#* }; fi
{
  echo 'if [ "${next_entry}" ]; then set default="${next_entry}"; set next_entry=; save_env next_entry; else set default=0; set timeout=5; fi'
  printf 'menuentry "NixOS" {\n  linux x init=%s/init\n}\nsubmenu "All" {\n' "$system"
  while read -r number one; do
    printf 'menuentry "NixOS - %s" {\n  linux x init=%s/init\n}\n' "$number" "$one"
  done <"$root/nix/menu"
  echo '}'
} >"$root/boot/grub/grub.cfg"
if [ -d "$root/boot-2/grub" ] && ! [ -e "$root/stale" ]; then cp "$root/boot/grub/grub.cfg" "$root/boot-2/grub/grub.cfg"; fi
"#;

const EDITENV: &str = r#"#!/bin/sh
root=${0%/usr/local/bin/grub-editenv}
echo "${1%/grub/grubenv} $2 $3" >>"$root/told-grub"
[ "$1" != /boot-2/grub/grubenv ] || exit 0
[ "$1" = /boot/grub/grubenv ] || exit 1
case "$2 $3" in
  "set next_entry=0") system=$(readlink "$root/nix/boot-default") ;;
  "set next_entry=1>"*) system=$(sed -n "$((${3#*>} + 1))s/^[0-9]* //p" "$root/nix/menu") ;;
  "unset next_entry") rm -f "$root/nix/boot-next"; exit ;;
  *) exit 1 ;;
esac
ln -sfn "$system" "$root/nix/boot-next"
"#;

/// What boots the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loader {
    Hook,
    SystemdBoot,
    Grub,
}

impl Scene {
    /// The host of `with_systems` with this boot loader; `new` has another command line than `old`.
    pub(crate) fn that_boots(loader: Loader) -> Self {
        let scene = Self::with_systems();
        for (name, params) in [("old", "quiet"), ("new", "quiet panic=5")] {
            scene.set_params(name, params);
            let unit = format!("{}/etc/systemd/system/infra-change.service", system(name));
            script(&scene.path(&unit), "");
        }
        scene.put_program("systemctl", RESTART);
        match loader {
            Loader::Hook => script(&scene.path("etc/infra/boot-once"), HOOK),
            Loader::SystemdBoot => {
                scene.put_program("write-menu", MENU);
                scene.put_program("bootctl", BOOTCTL);
                let name = "LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
                let variable = scene.path("sys/firmware/efi/efivars").join(name);
                let text = "systemd-boot 252.1\0".encode_utf16();
                let bytes = text.flat_map(u16::to_le_bytes);
                fs::create_dir_all(variable.parent().unwrap()).unwrap();
                fs::write(
                    variable,
                    [6, 0, 0, 0].into_iter().chain(bytes).collect::<Vec<u8>>(),
                )
                .unwrap();
            }
            Loader::Grub => {
                scene.put_program("write-menu", &format!("{MENU}{GRUB_MENU}"));
                scene.put_program("grub-editenv", EDITENV);
                let menu = "set default=\"${next_entry}\"\nsave_env next_entry\n";
                script(&scene.path("boot/grub/grub.cfg"), menu);
                scene.root_is_on("ext4");
            }
        }
        scene
    }

    pub(crate) fn root_is_on(&self, kind: &str) {
        let mounts = format!("22 1 254:1 / / rw shared:1 - {kind} /dev/vda1 rw\n");
        script(&self.path("proc/self/mountinfo"), &mounts);
    }

    /// GRUB's folder is on another disk as well; until that is written again, it knows the old system.
    pub(crate) fn mirror(&self, folder: &str, kind: &str) {
        let file = self.path("proc/self/mountinfo");
        let mut mounts = fs::read_to_string(&file).unwrap();
        mounts += &["23 22 254:17 / ", folder, " rw - ", kind, " /dev/vdb1 rw\n"].concat();
        script(&file, &mounts);
        let menu = format!(
            "set timeout=5\nsave_env next_entry\nmenuentry 'NixOS' {{\nlinux x init={}/init\n}}\n",
            system("old")
        );
        script(
            &self.path(&format!("{}/grub/grub.cfg", &folder[1..])),
            &menu,
        );
    }

    /// What was set and unset in GRUB's environments.
    pub(crate) fn told_grub(&self) -> Vec<String> {
        let told = fs::read_to_string(self.path("told-grub")).unwrap_or_default();
        told.lines().map(str::to_owned).collect()
    }

    pub(crate) fn set_params(&self, name: &str, params: &str) {
        script(
            &self.path(&format!("{}/kernel-params", system(name))),
            params,
        );
    }

    /// What a system names that may not be exchanged while the host runs.
    pub(crate) fn inhibit(&self, name: &str, text: &str) {
        script(
            &self.path(&format!("{}/switch-inhibitors", system(name))),
            text,
        );
    }

    fn put_program(&self, name: &str, text: &str) {
        script(&self.path("usr/local/bin").join(name), text);
    }

    /// What the boot loader was told to boot next, and has forgotten by now.
    pub(crate) fn boots_once(&self) -> Option<String> {
        let next = self.path("nix/boot-next");
        let system = next.is_symlink().then(|| target(next.clone()))?;
        fs::remove_file(next).unwrap();
        let variables = self.path("sys/firmware/efi/efivars");
        let _ = fs::remove_file(
            variables.join("LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"),
        );
        Some(system)
    }

    /// An order to boot into a system, with secrets.
    pub(crate) fn order_to_boot(&self, run: &str, to: &str) -> Order {
        let mut order = self.order_with_secrets(run, to);
        order.intent.reboot = Reboot::Needed;
        order
    }

    pub(crate) fn restarts(&self) -> usize {
        let text = fs::read_to_string(self.path("restarts")).unwrap_or_default();
        text.lines().count()
    }

    /// Waits until the host was asked for its `number`th restart, and restarts it.
    #[track_caller]
    pub(crate) fn restart(&self, run: &str, number: usize) {
        self.wait_for_restart(run, number);
        self.kill_supervisor(run);
        self.goes_down(number);
    }

    #[track_caller]
    pub(crate) fn wait_for_restart(&self, run: &str, number: usize) {
        let begun = Instant::now();
        while self.restarts() < number {
            let status = self.change(run);
            assert!(
                status.phase != ChangePhase::Ended && begun.elapsed() < SOON,
                "{status:#?}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What the unit in the new system begins, without waiting for it.
    pub(crate) fn start_recovery(&self) {
        let mut child = self.start("change recover", b"");
        std::thread::spawn(move || child.wait());
    }

    /// What a boot does until somebody can log in, but for what goes on with the change.
    pub(crate) fn goes_down(&self, number: usize) {
        self.reboot();
        self.boots(number as u64 + 1);
        self.run("secrets unpack", b"").applied();
    }

    /// What the unit in the new system does.
    pub(crate) fn comes_up(&self, run: &str) -> ChangePhase {
        let _ = self.run("change recover", b"");
        self.change(run).phase
    }

    pub(crate) fn forget_boot_loader(&self) {
        for file in ["etc/infra/boot-once", "boot/grub/grub.cfg"] {
            let _ = fs::remove_file(self.path(file));
        }
        let _ = fs::remove_dir_all(self.path("sys"));
    }

    /// A boot loader that does as it pleases.
    pub(crate) fn boots_next(&self, name: &str) {
        link(&self.path("nix/boot-next"), &system(name).to_string());
    }
}
