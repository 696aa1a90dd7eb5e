//! The lab itself, on real hosts: needs root and what `checks/setup` makes, so these tests run
//! with `INFRA_E2E=1` only.

// Said as modules of tests, so that helpers may unwrap like tests do.
#[cfg(test)]
mod cleanup;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod support;
