//! The switch of the end-to-end tests.

use std::io::Write;

/// Whether end-to-end tests are wanted (`INFRA_E2E=1`). They need root and what `checks/setup` makes,
/// so `cargo test` alone does not run them; each that is left out says so.
pub fn e2e_wanted(test: &str) -> bool {
    let wanted = std::env::var_os("INFRA_E2E").is_some_and(|value| value == "1");
    if !wanted {
        // If standard error is closed there is nobody to tell.
        let _ = writeln!(
            std::io::stderr(),
            "not run: {test} needs INFRA_E2E=1 and root"
        );
    }
    wanted
}
