//! Who runs infra, and where.

/// `user@machine`, as far as the machine says so. For people to know whom to ask; it proves nothing.
pub fn person_at_machine() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| rustix::process::getuid().as_raw().to_string());
    let machine = rustix::system::uname();
    let told = format!("{user}@{}", machine.nodename().to_string_lossy());
    told.chars().filter(|c| !c.is_control()).collect()
}
