//! The command on real hosts: deploys, mistakes, faults, interrupts. Needs `INFRA_E2E=1` and root (`checks/test e2e`).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set up its scene should panic there"
)]

mod compared;
mod deploys;
mod facts;
mod faults;
mod first;
mod inputs;
mod interrupts;
mod killed;
mod leaks;
mod machines;
mod many;
mod mistakes;
mod plans;
mod poison;
mod reboots;
mod remembered;
mod roots;
mod scene;
mod secrets;
mod standing;
mod starts;
mod transactions;
mod users;
