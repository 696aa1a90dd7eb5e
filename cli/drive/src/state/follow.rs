//! The journal of a run as it grows, for somebody who looks on. It is only read: the run does not notice.

use super::{EVENTS, State};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};

/// A journal that is read as it grows.
#[derive(Debug)]
pub struct Tail {
    file: File,
    /// The beginning of a line that has not come to its end.
    rest: Vec<u8>,
}

impl State {
    /// The journal of a run, from its first line on; `None` if it is not on this machine.
    pub fn follow(&self, run: &str) -> Option<Tail> {
        let file = File::open(self.run_file(run, EVENTS)?).ok()?;
        let rest = Vec::new();
        Some(Tail { file, rest })
    }
}

impl Tail {
    /// Whether the process of the run is alive. Ask before [`Tail::lines`]: once it is not, what comes then is the last that there is.
    pub fn is_alive(&self) -> bool {
        match flock(&self.file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => true,
            // Whoever resumes the run must find it free.
            Ok(()) => {
                let _ = flock(&self.file, FlockOperation::Unlock);
                false
            }
            Err(_) => false,
        }
    }

    /// The lines that came to their end since the last call.
    pub fn lines(&mut self) -> io::Result<Vec<String>> {
        self.file.read_to_end(&mut self.rest)?;
        let end = self.rest.iter().rposition(|byte| *byte == b'\n');
        let whole: Vec<u8> = self.rest.drain(..end.map_or(0, |end| end + 1)).collect();
        let text = String::from_utf8_lossy(&whole);
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Whether a line was begun and has not come to its end.
    pub fn is_torn(&self) -> bool {
        !self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ANSWER, EVENTS, State};
    use serde_json::json;
    use std::fs::File;
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    #[test]
    fn lines_come_whole_and_once_and_the_end_of_the_process_is_seen() {
        let dir = tempfile::tempdir().expect("a folder");
        let state = State::in_folder(dir.path().to_path_buf());
        let mut journal = state.begin().expect("writable");
        let mut tail = state.follow(journal.run()).expect("there");
        assert!(tail.is_alive());
        assert_eq!(tail.lines().expect("readable"), [""; 0]);
        journal.write(&json!(1), false).expect("writable");
        journal.write(&json!(2), false).expect("writable");
        assert_eq!(tail.lines().expect("readable"), ["1", "2"]);
        journal.file.write_all(b"{\"half").expect("writable");
        assert_eq!(tail.lines().expect("readable"), [""; 0]);
        assert!(tail.is_torn());
        journal.file.write_all(b"\":3}\n4\n").expect("writable");
        assert_eq!(tail.lines().expect("readable"), ["{\"half\":3}", "4"]);
        assert!(!tail.is_torn() && tail.is_alive());
        let run = journal.run().to_owned();
        drop(journal);
        assert!(!tail.is_alive());
        // Whoever looks on does not keep anybody from going on with it.
        let _again = state.reopen(&run).expect("it is free");
        assert!(tail.is_alive());
        assert!(state.follow("20300101T000000Z-0").is_none());
        assert!(state.follow("../x").is_none());
    }

    #[test]
    fn a_run_goes_on_wherever_its_journal_was_cut() {
        let dir = tempfile::tempdir().expect("a folder");
        let state = State::in_folder(dir.path().to_path_buf());
        let whole = "{\"line\":\"größer …\"}\n{\"line\":2}\n";
        for cut in 0..=whole.len() {
            let mut journal = state.begin().expect("writable");
            let left = &whole.as_bytes()[..cut];
            journal.file.write_all(left).expect("writable");
            let run = journal.run().to_owned();
            drop(journal);
            let mut again = state.reopen(&run).expect("it goes on");
            let lines = left.split_inclusive(|byte| *byte == b'\n').count();
            assert_eq!(again.lines(), lines as u64, "cut after {cut}");
            again.write(&json!("on"), true).expect("writable");
            let text = state.events(&run).expect("there");
            assert_eq!(text.lines().count(), lines + 1, "cut after {cut}");
            assert_eq!(text.lines().last(), Some("\"on\""), "cut after {cut}");
        }
    }

    #[test]
    fn no_clock_decides_whether_a_run_has_ended() {
        let dir = tempfile::tempdir().expect("a folder");
        let state = State::in_folder(dir.path().to_path_buf());
        let run = state.begin().expect("writable").run().to_owned();
        // As if the clock had been set between the two, in either direction.
        let ended = || {
            [(ANSWER, EVENTS), (EVENTS, ANSWER)].map(|pair| {
                for (file, hours) in [(pair.0, 1), (pair.1, 2)] {
                    let path = state.run_file(&run, file).expect("a run");
                    if let Ok(file) = File::options().append(true).open(path) {
                        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3600);
                        file.set_modified(time).expect("ours");
                    }
                }
                state.has_ended_since(&run)
            })
        };
        let again = || {
            let mut journal = state.reopen(&run).expect("free");
            journal.write(&json!(1), false).expect("writable");
            journal
        };
        assert_eq!(ended(), [false; 2], "it was cut off");
        drop(again());
        assert_eq!(ended(), [false; 2], "and again");
        again().finish(&json!({})).expect("writable");
        assert_eq!(ended(), [true; 2]);
        drop(again());
        assert_eq!(ended(), [false; 2], "somebody has gone on with it");
        again().finish(&json!({})).expect("writable");
        assert_eq!(ended(), [true; 2]);
        assert!(!state.has_ended_since("20300101T000000Z-0"));
    }

    #[test]
    fn a_run_is_never_seen_without_a_process() {
        let dir = tempfile::tempdir().expect("a folder");
        let state = State::in_folder(dir.path().to_path_buf());
        let looks_on = state.clone();
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let watcher = std::thread::spawn(move || {
            let mut seen = std::collections::BTreeSet::new();
            loop {
                let over = is_over.try_recv().is_ok();
                for run in looks_on.runs() {
                    if seen.insert(run.clone()) {
                        let tail = looks_on.follow(&run);
                        assert!(tail.is_some_and(|tail| tail.is_alive()), "{run}");
                    }
                }
                if over {
                    return seen.len();
                }
            }
        });
        let mut journals = Vec::new();
        for _ in 0..200 {
            journals.push(state.begin().expect("writable"));
        }
        over.send(()).expect("it listens");
        assert_eq!(watcher.join().expect("it saw no other"), 200);
        let left = std::fs::read_dir(dir.path().join("runs")).expect("there");
        assert_eq!(left.count(), 200, "and nothing else is left in the folder");
    }
}
