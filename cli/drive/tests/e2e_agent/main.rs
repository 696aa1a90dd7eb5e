//! The agent on real hosts, over real connections. Needs `INFRA_E2E=1` and root (`checks/test e2e`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up its scene should panic there"
)]

mod boots;
mod changes;
mod consumers;
mod operator;
mod sending;
