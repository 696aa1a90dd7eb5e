//! Who runs infra, and where.

use std::fs;

/// `user@machine`, as far as the machine says so. For people to know whom to ask; it proves nothing.
pub fn operator() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| rustix::process::getuid().as_raw().to_string());
    let machine = fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| fs::read_to_string("/etc/hostname"))
        .unwrap_or_default();
    let machine = match machine.trim() {
        "" => "unknown",
        machine => machine,
    };
    let plain = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).collect() };
    format!("{}@{}", plain(&user), plain(machine))
}
