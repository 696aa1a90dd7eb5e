//! The agent as a process, on a folder that is made to look like a host.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up its scene should panic there"
)]

mod change_clock;
mod change_cuts;
mod change_disk;
mod change_first;
mod change_others;
mod change_scene;
mod changes;
mod cuts;
mod generations;
mod phases;
mod reboot_cuts;
mod reboot_scene;
mod reboots;
mod receive;
mod refusals;
mod scene;
mod search;
