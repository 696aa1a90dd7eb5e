//! What is told of an evaluation that ran out of memory.

use infra_model::{Code, Diagnostic, HostName};
use std::fmt::Write as _;

/// An evaluation that ended because there was no memory left.
#[derive(Debug)]
pub(crate) struct Shortage<'a> {
    pub(crate) host: &'a HostName,
    /// How it ended.
    pub(crate) how: &'a str,
    /// The most it was seen to hold.
    pub(crate) peak_bytes: Option<u64>,
    /// What was held free for it, of what all evaluations may take together; in MiB.
    pub(crate) room_mib: u32,
    pub(crate) total_mib: u32,
}

impl Shortage<'_> {
    /// What to reserve for the next attempt: at least the limit that was hit, so that it has all of it to itself.
    pub(crate) fn next_bytes(&self) -> u64 {
        let total = u64::from(self.total_mib) << 20;
        self.peak_bytes.unwrap_or_default().max(total)
    }

    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let (host, total) = (self.host, self.total_mib);
        let mut cause = self.how.to_owned();
        if let Some(bytes) = self.peak_bytes {
            let _ = write!(cause, "; it had taken {} MiB", bytes >> 20);
        }
        let fix = if self.room_mib == total {
            let _ = write!(cause, "; no other evaluation ran beside it");
            format!(
                "add memory or swap, or raise the limit of infra's control group if it has one; if {host} took less before, see what changed: infra why {host}"
            )
        } else {
            let _ = write!(
                cause,
                "; {} MiB of the {total} MiB for all evaluations were kept for it",
                self.room_mib
            );
            format!(
                "again: the next evaluation of {host} runs alone; if others fail as well, let fewer run at once (--jobs 1, or --memory MIB with less than {total}), or add memory or swap"
            )
        };
        Diagnostic::new(
            Code::OutOfMemory,
            format!("the evaluation of {host} ran out of memory"),
        )
        .with_cause(cause)
        .with_fix(fix)
    }
}

#[cfg(test)]
mod tests {
    use super::Shortage;
    use crate::memory::Budget;
    use infra_model::HostName;

    fn told(peak_bytes: Option<u64>, room_mib: u32) -> String {
        let host = HostName::parse("web").expect("a name");
        let fault = Shortage {
            host: &host,
            how: "Nix says: out of memory",
            peak_bytes,
            room_mib,
            total_mib: 4096,
        }
        .diagnostic();
        format!(
            "{}\n{}\n{}",
            fault.title,
            fault.cause.unwrap_or_default(),
            fault.fix.unwrap_or_default()
        )
    }

    #[test]
    fn one_that_was_alone_needs_more_and_one_that_was_not_needs_to_be() {
        insta::assert_snapshot!(told(Some(900 << 20), 768), @"
        the evaluation of web ran out of memory
        Nix says: out of memory; it had taken 900 MiB; 768 MiB of the 4096 MiB for all evaluations were kept for it
        again: the next evaluation of web runs alone; if others fail as well, let fewer run at once (--jobs 1, or --memory MIB with less than 4096), or add memory or swap
        ");
        insta::assert_snapshot!(told(None, 4096), @"
        the evaluation of web ran out of memory
        Nix says: out of memory; no other evaluation ran beside it
        add memory or swap, or raise the limit of infra's control group if it has one; if web took less before, see what changed: infra why web
        ");
    }

    #[test]
    fn the_next_attempt_gets_everything() {
        let host = HostName::parse("web").expect("a name");
        for (peak, total_mib) in [
            (None, 4096),
            (Some(900 << 20), 4096),
            (Some(900 << 20), 100),
        ] {
            let shortage = Shortage {
                host: &host,
                how: "",
                peak_bytes: peak,
                room_mib: 1,
                total_mib,
            };
            let budget = Budget::new(Some(total_mib));
            assert_eq!(budget.need(Some(shortage.next_bytes())), total_mib);
            assert!(Some(shortage.next_bytes()) >= peak);
        }
    }
}
