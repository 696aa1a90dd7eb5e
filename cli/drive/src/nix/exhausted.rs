//! When an evaluation ends for want of memory or stack. Nix does not get to say so in an orderly way: the kernel kills it, the garbage
//! collector complains in words of its own, or the process aborts.

use super::log::Log;
use super::store_faults::tail;
use infra_model::{Code, Diagnostic, HostName};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// Why an evaluation brought no answer.
#[derive(Debug)]
pub enum Failed {
    /// There was no memory left for it.
    OutOfMemory {
        /// How it ended, as a clause.
        how: String,
        /// The most it was seen to hold.
        peak_bytes: Option<u64>,
    },
    /// Anything else, explained.
    Told(Box<Diagnostic>),
}

impl From<Diagnostic> for Failed {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Told(Box::new(diagnostic))
    }
}

/// How an evaluation ended.
pub(super) struct End<'a> {
    pub(super) log: &'a Log,
    pub(super) status: ExitStatus,
    /// Whether the kernel killed anybody for want of memory meanwhile; `None` if it does not say.
    pub(super) kernel_killed: Option<bool>,
}

impl End<'_> {
    /// How memory ran out, if that is what ended it.
    pub(super) fn out_of_memory(&self) -> Option<String> {
        if self.signal() == Some(SIGKILL) && self.kernel_killed != Some(false) {
            return Some(if self.kernel_killed == Some(true) {
                "the kernel killed it (signal 9), since there was no memory left".to_owned()
            } else {
                "it was killed (signal 9), which is mostly the kernel's doing when there is no memory left".to_owned()
            });
        }
        let words = self.complaint_of_memory()?;
        Some(format!(
            "Nix says: {words} (so it does within a limit of its own, too: ulimit -v)"
        ))
    }

    /// A death by another signal, or of a full stack.
    pub(super) fn broken(&self, host: &HostName) -> Option<Diagnostic> {
        if let Some(words) = self.stray(&["stack overflow"]) {
            return Some(
                Diagnostic::new(
                    Code::NixEvaluation,
                    format!("the evaluation of {host} recurses without end"),
                )
                .with_cause(format!("Nix says: {words}"))
                .with_fix(format!("look for a function or a value that needs itself in what was changed last (infra why {host}); if it only nests deeply, a larger stack helps: ulimit -s")),
            );
        }
        let signal = self.signal()?;
        let diagnostic = Diagnostic::new(
            Code::NixFailure,
            format!("the evaluation of {host} was killed (signal {signal})"),
        );
        if signal == SIGKILL {
            return Some(diagnostic
                .with_cause("by somebody on this machine: the kernel itself killed nobody meanwhile. systemd-oomd and earlyoom do this when memory gets short")
                .with_fix("see in the system's log who it was (journalctl -b); if memory is short, let fewer run at once (--jobs 1, --memory MIB), or add memory or swap"));
        }
        let said = tail(&self.log.complaint());
        let cause = if said.is_empty() {
            "it said nothing".to_owned()
        } else {
            said
        };
        Some(diagnostic.with_cause(cause).with_fix(format!(
            "again; if it happens each time, see what was changed last (infra why {host}): it may be a fault of Nix"
        )))
    }

    /// The signal that ended Nix, also if Nix is run by a script, which then exits with 128 + signal.
    fn signal(&self) -> Option<i32> {
        let by_script = |code: i32| (code > 128 && code < 160).then_some(code - 128);
        self.status.signal().or_else(|| {
            let code = self.status.code().filter(|_| self.log.errors.is_empty())?;
            by_script(code)
        })
    }

    fn complaint_of_memory(&self) -> Option<&str> {
        let last = self.log.errors.last();
        // Nix's own words have no place in a file; those of a `throw` would.
        let own = last.filter(|error| {
            error.frames.is_empty()
                && (error.text == "out of memory" || error.text.ends_with("Cannot allocate memory"))
        });
        if let Some(error) = own {
            return Some(&error.text);
        }
        let aborted = self.signal() == Some(SIGABRT);
        if last.is_some() && !aborted {
            return None;
        }
        self.stray(&[
            "Out of Memory",
            "out of memory",
            "Too many heap sections",
            "std::bad_alloc",
            "Cannot allocate memory",
        ])
    }

    /// The last line that is not in Nix's log and has one of these words.
    fn stray(&self, words: &[&str]) -> Option<&str> {
        let has = |line: &&String| words.iter().any(|word| line.contains(word));
        let line = self.log.strays.iter().rfind(has)?.trim();
        Some(line.strip_prefix("error:").unwrap_or(line).trim())
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Log};
    use infra_model::HostName;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    const MEMORY: &str = "memory: ";

    /// How an evaluation that said `lines` and ended with a (raw) wait status is understood.
    fn understood(lines: &[&str], raw: i32, kernel_killed: Option<bool>) -> String {
        let mut log = Log::default();
        for line in lines {
            log.read(line);
        }
        let end = End {
            log: &log,
            status: ExitStatus::from_raw(raw),
            kernel_killed,
        };
        if let Some(how) = end.out_of_memory() {
            return MEMORY.to_owned() + &how;
        }
        end.broken(&HostName::parse("web").expect("a name"))
            .map_or_else(String::new, |fault| {
                assert!(fault.fix.is_some(), "{fault:?}");
                format!("{}: {}", fault.title, fault.cause.unwrap_or_default())
            })
    }

    #[test]
    fn a_kill_is_the_kernels_unless_it_says_otherwise() {
        let killed = 9;
        let by_script = 137 << 8;
        for raw in [killed, by_script] {
            assert!(understood(&[], raw, Some(true)).starts_with("memory: the kernel killed it"));
            assert!(understood(&[], raw, None).starts_with("memory: it was killed"));
            let other = understood(&[], raw, Some(false));
            assert!(
                other.contains("was killed (signal 9)") && other.contains("systemd-oomd"),
                "{other}"
            );
        }
    }

    #[test]
    fn nix_and_its_libraries_have_many_words_for_it() {
        let (aborted, failed) = (6, 1 << 8);
        let cases: [(&[&str], i32); 6] = [
            (
                &[r#"@nix {"action":"msg","level":0,"msg":"error: out of memory"}"#],
                failed,
            ),
            (
                &[
                    r#"@nix {"action":"msg","level":0,"msg":"error: unable to fork: Cannot allocate memory"}"#,
                ],
                failed,
            ),
            (
                &["GC Warning: Out of Memory! Heap size: 512 MiB. Returning NULL!"],
                failed,
            ),
            (
                &["Too many heap sections: Increase MAXHINCR or MAXHEAPSIZE"],
                aborted,
            ),
            (
                &[
                    "terminate called after throwing an instance of 'std::bad_alloc'",
                    "  what():  std::bad_alloc",
                ],
                aborted,
            ),
            (
                &[
                    "GC Warning: Out of Memory! Returning NULL!",
                    r#"@nix {"action":"msg","level":0,"msg":"error: out of memory"}"#,
                ],
                failed,
            ),
        ];
        for (lines, raw) in cases {
            let told = understood(lines, raw, Some(false));
            assert!(told.starts_with(MEMORY), "{lines:?}: {told}");
        }
    }

    #[test]
    fn what_a_configuration_says_is_no_shortage() {
        let thrown = r#"@nix {"action":"msg","level":0,"msg":"x","raw_msg":"out of memory","file":"/nix/store/x-source/a.nix","line":1,"column":1}"#;
        let text = r#"@nix {"action":"msg","level":0,"msg":"x","raw_msg":"the option `out of memory' does not exist"}"#;
        for line in [thrown, text] {
            assert_eq!(understood(&[line], 1 << 8, Some(true)), "", "{line}");
        }
        // The collector warns long before it is serious.
        let warned = "GC Warning: Repeated allocation of very large block";
        assert_eq!(understood(&[warned, text], 1 << 8, None), "");
    }

    #[test]
    fn a_full_stack_and_other_signals_have_texts_of_their_own() {
        let overflow = understood(
            &["error: stack overflow (possible infinite recursion)"],
            1 << 8,
            None,
        );
        assert_eq!(
            overflow,
            "the evaluation of web recurses without end: Nix says: stack overflow (possible infinite recursion)"
        );
        assert_eq!(
            understood(&[], 11, Some(true)),
            "the evaluation of web was killed (signal 11): it said nothing"
        );
        let said = understood(&["nix: a library is broken"], 6, None);
        assert_eq!(
            said,
            "the evaluation of web was killed (signal 6): nix: a library is broken"
        );
    }
}
