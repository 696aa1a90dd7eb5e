//! Opening a TCP connection. Names are looked up by the host's own `getent`: a static binary has no name service.

use super::Seen;
use crate::change::clock::Deadline;
use crate::process;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Whether a connection can be opened.
pub(crate) fn seen(address: &str, port: u16, seconds: u64) -> Seen {
    match connect(address, port, Deadline::after(seconds)) {
        Ok((_, to)) => Seen::yes(format!("{to} answers")),
        Err(why) => Seen::no(why),
    }
}

/// The first of its addresses that answers.
pub(crate) fn connect(
    name: &str,
    port: u16,
    until: Deadline,
) -> Result<(TcpStream, SocketAddr), String> {
    let addresses = addresses(name, until)?;
    let mut why = format!("{name} has no address");
    for address in addresses {
        let to = SocketAddr::new(address, port);
        let left = until.left();
        if left.is_zero() {
            return Err(format!("{to} does not answer in time"));
        }
        match TcpStream::connect_timeout(&to, left) {
            Ok(stream) => return Ok((stream, to)),
            Err(error) => why = format!("{to}: {error}"),
        }
    }
    Err(why)
}

fn addresses(name: &str, until: Deadline) -> Result<Vec<IpAddr>, String> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    if name == "localhost" {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let limit = until.left().max(Duration::from_millis(100));
    let asked = process::program("getent", &["ahosts", "--", name]);
    let told = process::told_within(asked, limit);
    let text = match told {
        Some((status, text)) if status.success() => text,
        _ => return Err(format!("the name {name} cannot be looked up")),
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in text
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
    {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}
