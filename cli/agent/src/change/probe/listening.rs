//! Whether something listens on a TCP port: the kernel's own table, so that nobody is called.

use super::Seen;
use crate::host::Host;
use std::fs;

/// The state LISTEN in the kernel's table.
const LISTEN: &str = "0A";

pub(crate) fn on(host: &Host, port: u16) -> Seen {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let mut found: Vec<&str> = Vec::new();
    for (table, name) in tables.into_iter().zip(["IPv4", "IPv6"]) {
        let text = fs::read_to_string(host.path(table)).unwrap_or_default();
        if listens(&text, port) {
            found.push(name);
        }
    }
    match found.as_slice() {
        [] => Seen::no("nothing listens"),
        found => Seen::yes(format!("something listens ({})", found.join(" and "))),
    }
}

fn listens(table: &str, port: u16) -> bool {
    let wanted = format!("{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().and_then(|local| local.rsplit_once(':'));
        let state = fields.nth(1);
        local.is_some_and(|(_, port)| port == wanted) && state == Some(LISTEN)
    })
}

#[cfg(test)]
mod tests {
    use super::listens;

    #[test]
    fn only_what_listens_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n\
            \x20  1: 0100007F:0016 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0\n\
            \x20  2: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 3 1\n";
        assert!(listens(table, 8080));
        assert!(listens(table, 443));
        assert!(!listens(table, 22), "a connection is not a listener");
        assert!(!listens(table, 54321));
        assert!(!listens("", 8080));
    }
}
