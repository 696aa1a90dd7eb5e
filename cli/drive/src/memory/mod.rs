//! How much memory evaluators may take together, and the queue that keeps them within it.

mod control_group;
mod shortage;

pub(crate) use shortage::Shortage;

use std::fs;
use std::path::Path;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What an evaluation is taken to need that was never seen: a NixOS host of some size.
const UNKNOWN_MIB: u32 = 768;
/// Part of the free memory that evaluators may take, in percent; the rest is for everybody else.
const SHARE_PERCENT: u64 = 80;

/// A budget in MiB that running evaluations share.
#[derive(Debug)]
pub struct Budget {
    total: u32,
    free: Semaphore,
}

/// A part of the budget, kept for one evaluation until dropped.
#[derive(Debug)]
pub struct Room<'b>(SemaphorePermit<'b>);

impl Room<'_> {
    pub(crate) fn mib(&self) -> u32 {
        u32::try_from(self.0.num_permits()).unwrap_or(u32::MAX)
    }
}

impl Budget {
    /// A budget of so many MiB; without one, most of what is free on this machine and in this control group.
    pub fn new(mib: Option<u32>) -> Self {
        let total = mib
            .unwrap_or_else(|| to_mib(available() / 100 * SHARE_PERCENT))
            .max(1);
        Self {
            total,
            free: Semaphore::new(usize::try_from(total).unwrap_or(usize::MAX >> 4)),
        }
    }

    /// Waits until there is room for an evaluation that took `peak_bytes` before. One that needs more than everything gets everything: it
    /// runs alone.
    pub async fn room_for(&self, peak_bytes: Option<u64>) -> Option<Room<'_>> {
        let permit = self.free.acquire_many(self.need(peak_bytes)).await.ok()?;
        Some(Room(permit))
    }

    /// What running evaluations may take together, in MiB.
    pub(crate) fn total_mib(&self) -> u32 {
        self.total
    }

    fn need(&self, peak_bytes: Option<u64>) -> u32 {
        // A tenth more than before: configurations grow.
        let need = peak_bytes.map_or(UNKNOWN_MIB, |bytes| to_mib(bytes + bytes / 10));
        need.clamp(1, self.total)
    }
}

fn to_mib(bytes: u64) -> u32 {
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX >> 4)
}

/// Bytes that can be taken without swapping: the machine's, or what the control group leaves if that is less.
fn available() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok();
    let machine = machine
        .as_deref()
        .and_then(mem_available)
        .unwrap_or(1 << 30);
    let group = fs::read_to_string("/proc/self/cgroup")
        .ok()
        .and_then(|own| control_group::room(Path::new("/sys/fs/cgroup"), &own));
    group.map_or(machine, |room| room.min(machine))
}

/// How many processes the kernel has killed for want of memory since it started, in whatever control group; `None` if it does not say.
pub(crate) fn kernel_kills() -> Option<u64> {
    let counts = fs::read_to_string("/proc/vmstat").ok()?;
    counts
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .trim()
        .parse()
        .ok()
}

fn mem_available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::{Budget, UNKNOWN_MIB, kernel_kills, mem_available};
    use std::time::Duration;

    #[test]
    fn reads_what_is_available() {
        let text = "MemTotal:       24000000 kB\nMemFree: 1 kB\nMemAvailable:   20480 kB\n";
        assert_eq!(mem_available(text), Some(20 << 20));
        assert_eq!(mem_available("MemTotal: 1 kB\n"), None);
        assert!(Budget::new(None).total > 1, "this machine has memory");
        assert!(kernel_kills().is_some(), "the kernel counts");
    }

    #[test]
    fn needs_are_learned_and_bounded() {
        let budget = Budget::new(Some(4096));
        assert_eq!(budget.need(None), UNKNOWN_MIB);
        assert_eq!(budget.need(Some(1000 << 20)), 1100);
        assert_eq!(budget.need(Some(0)), 1);
        assert_eq!(budget.need(Some(u64::MAX / 2)), 4096);
    }

    #[tokio::test]
    async fn what_does_not_fit_waits() {
        let budget = Budget::new(Some(1000));
        let first = budget.room_for(Some(600 << 20)).await.expect("room");
        let second = budget.room_for(Some(600 << 20));
        tokio::pin!(second);
        let early = tokio::time::timeout(Duration::from_millis(20), &mut second).await;
        assert!(early.is_err(), "no room yet");
        drop(first);
        assert!(second.await.is_some());
    }
}
