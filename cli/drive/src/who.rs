//! Who we are, as others are told.

/// `user@machine`, as far as either is known.
pub fn person_at_machine() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy();
    let told = format!("{user}@{machine}");
    told.chars().filter(|c| !c.is_control()).collect()
}
