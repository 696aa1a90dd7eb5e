//! In both ways a sandbox is made: root's (which tests need anyhow), and that of somebody who is not.

use super::super::tests::{bytes, given, job};
use super::super::{Given, make};
use super::{Mode, has_nobody, run_in};
use crate::process::Stop;
use infra_model::contract::Prompt;
use infra_model::recipe::{How, Job};
use infra_model::{CancelStage, Code, Diagnostic, NeedName};
use infra_testkit::process;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const BOTH: [Mode; 2] = [Mode::Root, Mode::Somebody];

fn need(name: &str) -> NeedName {
    NeedName::parse(name).expect("a name")
}

fn script(text: &str, outputs: &[(&str, bool)]) -> Job {
    let how = How::Script {
        script: text.to_owned(),
        packages: Vec::new(),
    };
    job("token", how, &[], outputs)
}

fn text_of(job: &Job) -> &str {
    match &job.how {
        How::Script { script, .. } => script,
        How::Builtin(_) => unreachable!("a script was made"),
    }
}

async fn run(mode: Mode, job: &Job, given: &Given) -> Result<BTreeMap<String, String>, Diagnostic> {
    let outputs = run_in(mode, (job, text_of(job), given), Stop::never()).await?;
    let text = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
    Ok(outputs
        .iter()
        .map(|(name, content)| (name.to_string(), text(content)))
        .collect())
}

/// What a script writes into its only output.
async fn out(mode: Mode, text: &str) -> String {
    let job = script(text, &[("token", true)]);
    let mut outputs = run(mode, &job, &given())
        .await
        .unwrap_or_else(|fault| panic!("{mode:?}: {fault:#?}"));
    outputs.remove("token").expect("written")
}

async fn fault(mode: Mode, text: &str) -> Diagnostic {
    let job = script(text, &[("token", true)]);
    run(mode, &job, &given()).await.expect_err(text)
}

#[tokio::test]
async fn what_goes_in_comes_out_byte_for_byte() {
    let all: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for mode in BOTH {
        let mut job = script(
            "cat $in/a >$out/token; cat $prompts/p >$out/p; : >$TMPDIR/not-an-output; ls $in $prompts >$out/list",
            &[("token", true), ("p", true), ("list", true)],
        );
        job.needs.insert(need("a"), job.id.owner.clone());
        job.needs.insert(need("empty"), job.id.owner.clone());
        let prompt = Prompt {
            description: String::new(),
            secret: true,
        };
        job.prompts.insert(need("p"), prompt);
        let mut given = given();
        given.needs.insert(need("a"), bytes(&all));
        given.needs.insert(need("empty"), bytes(b""));
        given.needs.insert(need("of-somebody-else"), bytes(b"x"));
        given
            .prompts
            .insert(need("p"), bytes("pass wörd\\n $x".as_bytes()));
        let made = run_in(mode, (&job, text_of(&job), &given), Stop::never())
            .await
            .expect("made");
        assert!(*made[&need("token")] == all, "{mode:?}");
        assert_eq!(*made[&need("p")], "pass wörd\\n $x".as_bytes());
        assert_eq!(*made[&need("list")], b"/in:\na\nempty\n\n/prompts:\np\n");
    }
}

#[tokio::test]
async fn a_value_loses_its_line_end_and_a_secret_does_not() {
    let job = script(
        "echo a >$out/open; echo b >$out/token",
        &[("open", false), ("token", true)],
    );
    let made = make(&job, &given(), Stop::never()).await.expect("made");
    assert_eq!(
        (
            made[&need("open")].as_slice(),
            made[&need("token")].as_slice()
        ),
        (&b"a"[..], &b"b\n"[..])
    );
}

#[tokio::test]
async fn there_is_no_network() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let connect = format!(
        "perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(PeerAddr => \"127.0.0.1:{port}\", Timeout => 5) ? \"in\" : \"out\"'"
    );
    // The control: outside, the same words reach it.
    let outside = process("sh")
        .args(["-c", &connect])
        .output()
        .expect("sh runs");
    assert_eq!(outside.stdout, b"in");
    for mode in BOTH {
        assert_eq!(out(mode, &format!("{connect} >$out/token")).await, "out");
        let interfaces = out(mode, "tail -n +3 /proc/net/dev | cut -d: -f1 >$out/token").await;
        assert_eq!(interfaces.split_whitespace().collect::<Vec<_>>(), ["lo"]);
    }
}

#[tokio::test]
async fn nothing_of_this_machine_is_there_but_programs() {
    let home = std::env::var("HOME").expect("a home");
    let mut file = tempfile::NamedTempFile::new_in(&home).expect("a file");
    file.write_all(b"mine").expect("written");
    let elsewhere = tempfile::NamedTempFile::new().expect("a file");
    for mode in BOTH {
        for path in [
            file.path(),
            elsewhere.path(),
            Path::new(&home),
            Path::new("/etc/shadow"),
            Path::new("/var"),
            Path::new("/run"),
            Path::new("/sys"),
        ] {
            let text = format!(
                "if [ -e '{0}' ]; then echo there; else echo gone; fi >$out/token",
                path.display()
            );
            assert_eq!(
                out(mode, &text).await,
                "gone\n",
                "{mode:?} {}",
                path.display()
            );
        }
        let names = out(mode, "ls -A / >$out/token").await;
        let known = [
            "bin", "dev", "etc", "in", "lib", "lib32", "lib64", "libx32", "nix", "out", "proc",
            "prompts", "recipe", "sbin", "tmp", "usr",
        ];
        assert!(names.lines().all(|name| known.contains(&name)), "{names}");
        let mounts = out(mode, "cut -d' ' -f5 /proc/self/mountinfo >$out/token").await;
        assert!(
            !mounts.lines().any(|mount| mount.starts_with("/old")),
            "{mounts}"
        );
    }
}

#[tokio::test]
async fn other_processes_are_not_seen() {
    for mode in BOTH {
        // The first process, `timeout`, the script and the `ls` or `tr` it runs.
        let numbers = out(mode, "ls /proc | grep -c '^[0-9]' >$out/token").await;
        let count: usize = numbers.trim().parse().expect("a number");
        assert!((1..=5).contains(&count), "{mode:?}: {count}");
        let all = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done >$out/token";
        let seen = out(mode, all).await;
        let own = std::fs::read_to_string("/proc/self/cmdline").expect("our own");
        let own = own.split('\0').next().expect("a program");
        assert!(!seen.contains(own), "{mode:?}: {seen}");
        // The first process may do more than the script, so the script may not look into it.
        let peek = "if cat /proc/1/environ || ls /proc/1/root/ || cat /proc/1/fd/0 || echo x >/proc/1/fd/1; then echo in; else echo out; fi >$out/token 2>/dev/null";
        assert_eq!(out(mode, peek).await, "out\n", "{mode:?}");
    }
}

#[tokio::test]
async fn nothing_can_be_written_but_outputs_and_its_own_tmp() {
    for mode in BOTH {
        let text = "for f in /x /usr/x /usr/bin/x /etc/x /etc/passwd /in/x /prompts/x /recipe /dev/x /dev/shm/x /nix/store/x /proc/sys/kernel/core_pattern /proc/sysrq-trigger; do
            if (echo x >$f) 2>/dev/null; then echo \"$f\"; fi
        done >$out/token; : >$TMPDIR/x; echo done >>$out/token";
        assert_eq!(out(mode, text).await, "done\n", "{mode:?}");
        let text = "mount -t tmpfs none /tmp 2>/dev/null || umount /out 2>/dev/null || chroot / true 2>/dev/null || grep ^CapEff /proc/self/status >$out/token";
        assert_eq!(
            out(mode, text).await,
            "CapEff:\t0000000000000000\n",
            "{mode:?}"
        );
        let privileges = out(
            mode,
            "grep -E '^(CapPrm|CapBnd|CapAmb|NoNewPrivs)' /proc/self/status >$out/token",
        )
        .await;
        let words: Vec<&str> = privileges.split_whitespace().skip(1).step_by(2).collect();
        assert_eq!(
            words,
            [
                "0000000000000000",
                "0000000000000000",
                "0000000000000000",
                "1"
            ],
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn the_environment_is_small_and_infras_own_does_not_get_in() {
    for mode in BOTH {
        let seen = out(mode, "env | cut -d= -f1 | sort >$out/token").await;
        let names: Vec<&str> = seen
            .lines()
            .filter(|name| !matches!(*name, "PWD" | "SHLVL" | "_" | "OLDPWD"))
            .collect();
        assert_eq!(
            names,
            ["HOME", "LC_ALL", "PATH", "TMPDIR", "in", "out", "prompts"]
        );
        assert_eq!(out(mode, "printf %s $HOME >$out/token").await, "/homeless");
    }
}

/// Processes of this machine whose command line or environment has `text` in it.
fn holders(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
        if !entry
            .file_name()
            .to_string_lossy()
            .bytes()
            .all(|b| b.is_ascii_digit())
        {
            continue;
        }
        for file in ["cmdline", "environ"] {
            // It may have ended meanwhile.
            let content = std::fs::read(entry.path().join(file)).unwrap_or_default();
            if String::from_utf8_lossy(&content).contains(text) {
                found.push(format!("{}/{file}", entry.path().display()));
            }
        }
    }
    found
}

/// A word that no other process has.
fn marker(what: &str) -> String {
    format!("{what}-{}-{:p}", std::process::id(), &raw const what)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn nothing_secret_is_in_an_argument_or_a_variable() {
    let control = marker("control");
    let secret = marker("secret");
    for mode in BOTH {
        // While it waits it holds the secret in a variable of its own, which is the script's affair, and in a file.
        let text = format!(
            "s=$(cat $in/a); echo \"$s\" >$out/token; env CONTROL={control} sleep 600; echo {secret}"
        );
        let mut job = script(&text, &[("token", true)]);
        job.needs.insert(need("a"), job.id.owner.clone());
        let mut given = given();
        given.needs.insert(need("a"), bytes(secret.as_bytes()));
        let (ask, stage) = watch::channel(CancelStage::Running);
        let stop = Stop::from(CancelStage::Draining, stage);
        let looking = async {
            until("the control is found", || !holders(&control).is_empty()).await;
            let found = holders(&secret);
            ask.send(CancelStage::Draining).expect("open");
            found
        };
        let (ended, found) =
            tokio::join!(run_in(mode, (&job, text_of(&job), &given), stop), looking);
        assert_eq!(ended.expect_err("stopped").code, Code::Interrupted);
        assert_eq!(found, Vec::<String>::new(), "{mode:?}");
        until("stopping ends all", || holders(&control).is_empty()).await;
    }
}

#[tokio::test]
async fn a_script_that_hangs_is_ended_with_all_that_it_started() {
    for mode in BOTH {
        let control = marker("hang");
        let text = format!(
            "export M={control}; setsid sleep 600 & (sh -c 'trap \"\" TERM HUP; sleep 600; sleep 600' &); nohup sleep 600 >/dev/null 2>&1 & trap '' TERM; sleep 600; sleep 600"
        );
        let job = script(&text, &[("token", true)]);
        let mut given = given();
        given.timeout = Duration::from_secs(2);
        let begun = Instant::now();
        let seen = async {
            let mut most = 0;
            until("all four wait", || {
                most = holders(&control).len();
                most >= 4
            })
            .await;
        };
        let (ended, ()) = tokio::join!(run(mode, &job, &given), seen);
        let fault = ended.expect_err("late");
        assert!(fault.title.contains("did not end in 2 s"), "{fault:?}");
        assert!(begun.elapsed() < Duration::from_secs(30));
        until("none is left", || holders(&control).is_empty()).await;
    }
}

#[tokio::test]
async fn what_a_script_leaves_running_ends_with_it() {
    for mode in BOTH {
        let control = marker("left");
        // It holds the output open, so that whoever waits for it instead of ending it sees what it does next.
        let text = format!(
            "export M={control}; setsid sh -c 'exec 3>>$out/token; : >$TMPDIR/held; sleep 1; echo late >$out/late; sleep 600' &
            until [ -e $TMPDIR/held ]; do sleep 0.01; done; echo y >$out/token"
        );
        let begun = Instant::now();
        let job = script(&text, &[("token", true)]);
        run(mode, &job, &given()).await.expect("made");
        assert!(begun.elapsed() < Duration::from_secs(30));
        until("none is left", || holders(&control).is_empty()).await;
    }
}

#[tokio::test]
async fn scripts_that_leave_the_wrong_things_are_told_what() {
    for mode in BOTH {
        let said = async |text: &str| {
            let fault = fault(mode, text).await;
            assert_eq!(fault.code, Code::RecipeFailed);
            assert_eq!(
                fault.place.as_ref().map(ToString::to_string).as_deref(),
                Some("modules/m/contract.nix:7")
            );
            assert!(fault.fix.is_some(), "{fault:?}");
            format!("{}: {}", fault.title, fault.cause.unwrap_or_default())
        };
        for (text, wanted) in [
            ("true", "left no `token` in $out"),
            (": >$out/token", "left an empty $out/token"),
            ("echo x >$out/token; echo y >$out/extra", "found: extra"),
            ("echo x >$out/token; echo y >$out/.hidden", "found: .hidden"),
            (
                "echo x >$out/token; echo y >\"$out/a b\"",
                "a file whose name is none",
            ),
            ("ln -s /etc/passwd $out/token", "found: token is no file"),
            ("mkdir $out/token", "found: token is no file"),
            ("mkfifo $out/token", "found: token is no file"),
            (
                "head -c 1048577 /dev/zero >$out/token",
                "wrote more than 1 MiB into $out/token",
            ),
            (
                "echo oh no >&2; echo also here; exit 3",
                "oh no\nalso here\nexit code 3",
            ),
            (
                "false; echo x >$out/token",
                "exit code 1, and it printed nothing",
            ),
            ("echo $nowhere >$out/token", "nowhere"),
            ("kill -9 $$", "exit code 137"),
        ] {
            let told = said(text).await;
            assert!(told.contains(wanted), "{mode:?} {text}: {told}");
        }
    }
}

#[tokio::test]
async fn a_megabyte_is_not_too_much() {
    for mode in BOTH {
        assert_eq!(
            out(mode, "head -c 1048576 /dev/zero | tr '\\0' a >$out/token")
                .await
                .len(),
            1 << 20
        );
    }
}

#[tokio::test]
async fn disks_and_process_tables_cannot_be_filled() {
    for mode in BOTH {
        for text in [
            "head -c 200000000 /dev/zero >$TMPDIR/x",
            "head -c 200000000 /dev/zero >$out/token",
            "i=0; while [ $i -lt 20000 ]; do : >$TMPDIR/$i; i=$((i+1)); done",
            "i=0; while [ $i -lt 2000 ]; do : >$out/$i; i=$((i+1)); done",
        ] {
            let fault = fault(mode, &format!("{text}; echo x >$out/token")).await;
            assert!(
                fault.title.ends_with("failed"),
                "{mode:?} {text}: {fault:?}"
            );
        }
        let text = "i=0; while [ $i -lt 1000 ]; do sleep 60 & i=$((i+1)); done; echo x >$out/token";
        let cause = fault(mode, text).await.cause.expect("said");
        assert!(cause.contains("fork"), "{mode:?}: {cause}");
        // Nobody reads more than the end of what is printed.
        let text = "i=0; while [ $i -lt 200 ]; do head -c 100000 /dev/zero | tr '\\0' x; i=$((i+1)); done; echo; echo the end; exit 1";
        let fault = fault(mode, text).await;
        let cause = fault.cause.expect("said");
        assert!(cause.ends_with("the end\nexit code 1") && cause.len() < 1 << 20);
    }
}

#[tokio::test]
async fn what_is_secret_is_not_in_errors() {
    for mode in BOTH {
        let mut job = script(
            "set -x; s=$(cat $in/a); echo made-$s-secret >$out/token; cat $out/token >&2; false",
            &[("token", true)],
        );
        job.needs.insert(need("a"), job.id.owner.clone());
        let mut given = given();
        given.needs.insert(need("a"), bytes(b"hunter2\n"));
        let fault = run(mode, &job, &given).await.expect_err("false");
        let cause = fault.cause.expect("said");
        assert!(
            cause.contains("+ cat /in/a") && cause.contains("[…]"),
            "{cause}"
        );
        assert!(
            !cause.contains("hunter2") && !cause.contains("made-"),
            "{cause}"
        );
    }
}

#[tokio::test]
async fn packages_bring_the_programs_and_nothing_else_does() {
    // A stand-in for packages: below /usr, which is in each sandbox.
    let root = tempfile::Builder::new()
        .prefix("infra-recipe-")
        .tempdir_in("/usr/local")
        .expect("a folder");
    let bin = root.path().join("bin");
    std::fs::create_dir(&bin).expect("made");
    std::os::unix::fs::symlink("/bin/bash", bin.join("bash")).expect("linked");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(root.path(), permissions).expect("opened");
    let mut given = given();
    given.packages = vec![root.path().to_owned()];
    for mode in BOTH {
        let job = script(
            "type -P ls || echo none >$out/token; [[ $BASH ]]; false | true || echo fails >>$out/token",
            &[("token", true)],
        );
        let made = run(mode, &job, &given).await.expect("made");
        assert_eq!(made["token"], "none\nfails\n");
    }
    std::fs::remove_file(bin.join("bash")).expect("removed");
    let job = script("true", &[("token", true)]);
    let fault = run(Mode::Root, &job, &given).await.expect_err("no bash");
    assert!(fault.title.contains("none of the packages") && fault.fix.is_some());
}

#[test]
fn who_can_become_nobody_is_read_from_the_kernel() {
    assert!(has_nobody("         0          0 4294967295\n"));
    assert!(has_nobody("0 1000 1\n1 100000 65536\n"));
    assert!(!has_nobody("0 1000 1\n"));
    assert!(!has_nobody("0 100000 65534\n"));
    assert!(!has_nobody(""));
}
