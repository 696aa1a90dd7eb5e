//! The agent on real hosts, over real connections. Needs `INFRA_E2E=1` and root (`checks/test e2e`).

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should panic there"
)]

mod boots;
mod consumers;
mod operator;
mod sending;
