//! `infra-lab demo`: the main job, shown and proven on two real hosts.
//!
//! Every act says what it does, runs the real commands in sight, and then asks the hosts, not the
//! program, whether it is so.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use infra_testkit::{HostKind, Lab, Repo, Run, infra_binary};

use crate::signals::Interrupts;
use crate::{Failure, say, up};

const PAGE: &str = "hosts/web/configuration.nix";
const PAGE_FILE: &str = "/etc/site/index.html";
const OLD_GREETING: &str = "Hello from web";
const NEW_GREETING: &str = "Hello again from web";

pub(crate) fn run(keep: bool) -> Result<ExitCode, Failure> {
    let begun = Instant::now();
    let stage = Stage::set()?;
    let played = stage.play();
    if stage.interrupts.came() {
        say::line("\nInterrupted; taking everything down.");
        stage.lab.down()?;
        return Ok(ExitCode::from(130));
    }
    if let Err(failure) = &played {
        say::failure(failure.as_ref());
    }
    let verdict = if played.is_ok() {
        "All of it is as it should be"
    } else {
        "The demo FAILED"
    };
    say::line(format!(
        "\n{verdict}, after {:.0} s.",
        begun.elapsed().as_secs_f32()
    ));
    if keep {
        say::line(format!(
            "\nThe repository: {}\nThe lab: {}",
            stage.repo.path().display(),
            stage.lab.tag()
        ));
        up::describe(&stage.lab);
        up::stay(stage.lab, &stage.interrupts)?;
    } else {
        stage.lab.down()?;
        say::line("The hosts are gone again.");
    }
    Ok(if played.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Stage {
    interrupts: Interrupts,
    // Before the lab: its folder lies in the lab's.
    repo: Repo,
    lab: Lab,
}

/// What a host says about one of its services and its system.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    system: String,
    generations: String,
    pid: String,
    since: String,
}

impl Stage {
    fn set() -> Result<Self, Failure> {
        let interrupts = Interrupts::hear()?;
        title("Two hosts, `web` and `db`, and a repository for them");
        let begun = Instant::now();
        let binary = infra_binary();
        let mut builder = Lab::builder()
            .host("web", HostKind::Systemd)
            .host("db", HostKind::Systemd);
        if let Some(folder) = binary.parent() {
            builder = builder.bin_dir(folder);
        }
        let lab = builder.up()?;
        lab.infra()?; // says now if it has not been built
        say::line(format!(
            "Each has its own network, its own Nix store, a real systemd and sshd; made in {:.1} s.",
            begun.elapsed().as_secs_f32()
        ));
        let repo = Repo::from_example(&lab, "pair")?;
        say::line(
            "The repository is a copy of examples/pair, with the hosts' public keys in hosts/*/host.pub.",
        );
        say::line(format!("$ cd {}", repo.path().display()));
        Ok(Self {
            interrupts,
            repo,
            lab,
        })
    }

    fn play(&self) -> Result<(), Failure> {
        title("1. Deploy both hosts");
        self.infra(&["deploy", "--all", "--yes"])?;
        self.expect_page(OLD_GREETING)?;
        let (web, db) = (self.see("web")?, self.see("db")?);
        report("web", None, &web);
        report("db", None, &db);

        title("2. Deploy again: nothing has changed, so nothing is done");
        self.infra(&["deploy", "--all", "--yes"])?;
        expect("web is exactly as before", self.see("web")? == web)?;
        expect("db is exactly as before", self.see("db")? == db)?;

        title("3. Change the page of `web`, and deploy `web`");
        self.repo
            .edit(PAGE, |text| text.replace(OLD_GREETING, NEW_GREETING))?;
        self.show_diff()?;
        self.infra(&["deploy", "web", "--yes"])?;

        title("4. What the hosts say");
        self.expect_page(NEW_GREETING)?;
        let (new_web, new_db) = (self.see("web")?, self.see("db")?);
        report("web", Some(&web), &new_web);
        report("db", Some(&db), &new_db);
        expect("web runs a new system", new_web.system != web.system)?;
        expect(
            "the web server was restarted",
            new_web.pid != web.pid && new_web.since != web.since,
        )?;
        expect("db was not touched", new_db == db)
    }

    /// Runs the program under test in sight.
    fn infra(&self, words: &[&str]) -> Result<(), Failure> {
        say::line(format!("$ infra {}", words.join(" ")));
        let begun = Instant::now();
        let mut command = self.lab.infra()?;
        command.args(words).current_dir(self.repo.path());
        if let Some(terminal) = std::env::var_os("TERM") {
            command.env("TERM", terminal);
        }
        let status = self.interrupts.run(&mut command)?;
        say::line(format!("({:.1} s)", begun.elapsed().as_secs_f32()));
        if self.interrupts.came() {
            return Err("interrupted".into());
        }
        if status.success() {
            return Ok(());
        }
        Err(format!("`infra {}` failed ({status})", words.join(" ")).into())
    }

    /// Reads the page over the network, as a visitor would.
    fn expect_page(&self, greeting: &str) -> Result<(), Failure> {
        say::line("$ wget -O - http://web/");
        // The hosts' own static busybox: the machine may have no web client.
        let busybox = self.lab.places().rootfs().join("usr/bin/busybox");
        let page = self
            .lab
            .controller(busybox)
            .args(["wget", "-q", "-O", "-", "http://web/"])
            .run(Duration::from_secs(20))?
            .ok()?;
        say::line(page.text());
        expect(
            &format!("the page says `{greeting}`"),
            page.text().contains(greeting),
        )?;
        let file = self.lab.host("web").read_file(PAGE_FILE)?;
        expect(&format!("it is {PAGE_FILE} on web"), file == page.stdout)
    }

    /// Looks at a host and at the service of the same name.
    fn see(&self, name: &str) -> Result<Seen, Failure> {
        let host = self.lab.host(name);
        let shown = |property: &str| {
            host.sh(&format!(
                "systemctl show --value --property={property} {name}.service"
            ))
        };
        let seen = Seen {
            system: host.sh("readlink -f /run/current-system")?,
            generations: host.sh("ls /nix/var/nix/profiles | grep -c '^system-'")?,
            pid: shown("MainPID")?,
            since: shown("ActiveEnterTimestamp")?,
        };
        let state = shown("ActiveState")?;
        expect(
            &format!("{name}.service on {name} is active ({state})"),
            state == "active",
        )?;
        let next = host.sh("readlink -f /nix/var/nix/profiles/system")?;
        expect(
            &format!("{name} would boot the system it runs"),
            next == seen.system,
        )?;
        Ok(seen)
    }

    fn show_diff(&self) -> Result<(), Failure> {
        say::line("$ git diff");
        let diff = self.repo.git(&["diff", "--unified=0", "--", PAGE])?;
        for line in diff.text().lines().filter(|line| is_change(line)) {
            say::line(format!("  {line}"));
        }
        Ok(())
    }
}

fn is_change(line: &str) -> bool {
    (line.starts_with('-') && !line.starts_with("---"))
        || (line.starts_with('+') && !line.starts_with("+++"))
}

fn title(text: &str) {
    say::line(format!("\n## {text}"));
}

/// One line of what a host says; with an earlier look, before and after.
fn report(name: &str, before: Option<&Seen>, after: &Seen) {
    let pairs = [
        (
            "system",
            before.map(|seen| base(&seen.system)),
            base(&after.system),
        ),
        (
            "generations",
            before.map(|seen| seen.generations.as_str()),
            &after.generations,
        ),
        ("process", before.map(|seen| seen.pid.as_str()), &after.pid),
        (
            "started",
            before.map(|seen| seen.since.as_str()),
            &after.since,
        ),
    ];
    for (what, before, after) in pairs {
        let text = match before {
            Some(before) if before != after => format!("{before} → {after}"),
            Some(_) => format!("{after} (as before)"),
            None => after.to_owned(),
        };
        say::line(format!("  {name:<4} {what:<12} {text}"));
    }
}

fn base(path: &str) -> &str {
    Path::new(path)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or(path)
}

fn expect(what: &str, holds: bool) -> Result<(), Failure> {
    if holds {
        say::line(format!("  ✓ {what}"));
        return Ok(());
    }
    Err(format!("expected, but not so: {what}").into())
}
