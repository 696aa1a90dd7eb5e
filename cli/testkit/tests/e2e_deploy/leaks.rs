//! What verbs and scripts have in their hands is seen by nobody else: not by other processes while they work, nor anywhere afterwards.

use crate::scene::SOON;
use crate::secrets::{Vault, new_marker, places_with};
use infra_testkit::{Finished, Run, e2e_wanted};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Three secrets: one is edited, one imported, and one made by a script from the imported one.
const CONTRACT: &str = r#"
{
  infra.secrets.edited = { };
  infra.secrets.imported = { };
  infra.secrets.scripted.recipe = "scripted";
  infra.recipes.scripted = {
    needs = [ "imported" ];
    script = ''
      { printf 'scripted-'; cat "$in/imported"; } > "$out/scripted"
      sleep 1
    '';
    outputs.scripted = { };
  };
}
"#;

/// Looks at the arguments and environments of all processes of the machine, again and again.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<(String, &'static str)>>,
}

impl Watch {
    fn begin(texts: &[&str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, texts) = (
            Arc::clone(&stop),
            texts.iter().map(|&it| it.to_owned()).collect::<Vec<_>>(),
        );
        let thread = std::thread::spawn(move || {
            let mut found = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                look(&texts, &mut found);
                std::thread::sleep(Duration::from_millis(5));
            }
            found
        });
        Self { stop, thread }
    }

    /// What was seen, and in which part of a process.
    fn end(self) -> BTreeSet<(String, &'static str)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn look(texts: &[String], found: &mut BTreeSet<(String, &'static str)>) {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes.map(|entry| entry.path()) {
        for part in ["cmdline", "environ"] {
            // It may be over by now.
            let bytes = fs::read(process.join(part)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            let seen = texts.iter().filter(|one| text.contains(one.as_str()));
            found.extend(seen.map(|one| (one.clone(), part)));
        }
    }
}

/// An editor that puts the content of a file in the place of what it is given, and takes its time.
fn editor(folder: &Path, content: &Path) -> String {
    let file = folder.join("editor");
    let text = format!(
        "#!/bin/sh\nset -e\ncat '{}' >\"$1\"\nsleep 1\n",
        content.display()
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

fn file(vault: &Vault, name: &str, content: &str) -> std::path::PathBuf {
    let path = vault.secrets.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn edited_imported_and_scripted_secrets_are_seen_by_nobody_else() {
    if !e2e_wanted("edited_imported_and_scripted_secrets_are_seen_by_nobody_else") {
        return;
    }
    let vault = Vault::new();
    let (marker, control) = (new_marker(), format!("control{}", new_marker()));
    let key = vault.admin();
    vault
        .repo
        .write("hosts/app/contract.nix", CONTRACT)
        .unwrap();
    let edited = file(&vault, "edited", &format!("{marker}edited\n"));
    let imported = file(&vault, "imported", &format!("{marker}imported"));
    let editor = editor(vault.secrets.path(), &edited);
    let infra = |words: &[&str]| -> Finished {
        let mut command = vault.lab.infra().unwrap();
        command.env("INFRA_IDENTITY", &key).env("EDITOR", &editor);
        command.arg("-C").arg(vault.repo.path()).args(words);
        let finished = command.run(SOON).unwrap();
        let (out, err) = (&finished.stdout, &finished.stderr);
        assert_eq!(finished.code(), Some(0), "{words:?}: {out}\n{err}");
        // Plans, events and answers are what is said.
        assert!(
            !out.contains(&marker) && !err.contains(&marker),
            "{words:?}"
        );
        finished
    };

    let watch = Watch::begin(&[&marker, &control]);
    infra(&["secret", "edit", "app", "edited", "--json"]);
    let from = imported.display().to_string();
    infra(&[
        "secret", "import", "app", "imported", "--from", &from, "--json",
    ]);
    infra(&["secret", "generate", "app", "scripted", "--json"]);
    infra(&["deploy", "--all", "--dry-run", "--json"]);
    infra(&["deploy", "--all", "--json"]);
    infra(&["secret", "rotate", "app", "scripted"]);
    infra(&["deploy", "--all"]);
    // The same watch sees what somebody does wrong, for as long as an editor works.
    let mut wrong = vault.lab.controller("sh");
    wrong
        .args(["-c", "sleep 1", &control])
        .env("LEAK", &control);
    wrong.run(SOON).unwrap().ok().unwrap();
    let seen: Vec<_> = watch.end().into_iter().collect();
    assert_eq!(seen, [(control.clone(), "cmdline"), (control, "environ")]);

    // They did get where they were to go.
    let app = vault.lab.host("app");
    let on = |name: &str| app.sh(&format!("cat /run/infra/secrets/{name}")).unwrap();
    assert_eq!(on("edited"), format!("{marker}edited"));
    assert_eq!(on("imported"), format!("{marker}imported"));
    assert_eq!(on("scripted"), format!("scripted-{marker}imported"));
    assert_eq!(places_with(&vault, &marker), Vec::<String>::new());

    // The same search finds them where somebody puts them.
    app.sh("cp /run/marker /var/lib/leak; systemd-cat </run/marker; journalctl --sync")
        .unwrap();
    app.sh("systemd-run --quiet --setenv=LEAK=$(cat /run/marker) sleep 600")
        .unwrap();
    let leak = "cp \"$1\" \"$HOME/leak\"";
    let mut put = vault.lab.controller("sh");
    put.args(["-c", leak, "sh", &from]);
    put.run(SOON).unwrap().ok().unwrap();
    let found = places_with(&vault, &marker);
    for place in [
        "files of app: /var/",
        "the journal of app",
        "processes of app",
        "this machine's store, state, cache and repository",
    ] {
        assert!(
            found.iter().any(|one| one.starts_with(place)),
            "{place}: {found:#?}"
        );
    }
}
