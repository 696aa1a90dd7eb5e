//! One GET, by HTTP/1.1: enough to hear whether something answers with a success (2xx). A redirect is none: it says that the answer is
//! elsewhere, and the probe should ask there.

use super::{Seen, reach};
use crate::change::clock::Deadline;
use crate::process;
use std::io::{Read, Write};
use std::time::Duration;

/// More than any first line.
const LONGEST: usize = 8 << 10;

/// The parts of a URL that a request needs.
#[derive(Debug, PartialEq, Eq)]
struct Url<'u> {
    authority: &'u str,
    host: &'u str,
    port: u16,
    path: String,
}

impl<'u> Url<'u> {
    fn parse(url: &'u str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?;
        if rest.contains(|c: char| c.is_control() || c == ' ') {
            return None;
        }
        let rest = rest.split('#').next()?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, 80),
        };
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        (!host.is_empty() && !host.contains('@')).then_some(Self {
            authority,
            host,
            port,
            path,
        })
    }
}

pub(crate) fn get(url: &str, limit: Duration) -> Seen {
    if url.starts_with("https://") {
        return by_curl(url, limit);
    }
    let Some(url) = Url::parse(url) else {
        return Seen::no("this is no URL that can be asked: http://HOST[:PORT]/PATH");
    };
    match status(&url, Deadline::after(limit.as_secs().max(1))) {
        Ok(status) => judge(status),
        Err(why) => Seen::no(why),
    }
}

fn judge(status: u16) -> Seen {
    match status {
        200..=299 => Seen::yes(format!("HTTP {status}")),
        300..=399 => Seen::no(format!(
            "HTTP {status}: a redirect; ask for what it leads to"
        )),
        _ => Seen::no(format!("HTTP {status}")),
    }
}

fn status(url: &Url<'_>, until: Deadline) -> Result<u16, String> {
    let (mut stream, to) = reach::connect(url.host, url.port, until)?;
    let silent = |error: std::io::Error| format!("{to} answers, but not as HTTP does: {error}");
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: infra-agent\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.path, url.authority
    );
    let left = || until.left().max(Duration::from_millis(1));
    stream.set_write_timeout(Some(left())).map_err(silent)?;
    stream.write_all(request.as_bytes()).map_err(silent)?;
    let mut answer = Vec::new();
    let mut part = [0; 512];
    while !answer.contains(&b'\n') && answer.len() < LONGEST {
        if until.is_over() {
            return Err(format!(
                "{to} takes the request, and answers nothing in time"
            ));
        }
        stream.set_read_timeout(Some(left())).map_err(silent)?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(part.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(silent(error)),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    let mut words = line.split_whitespace();
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    let status = words.next().and_then(|word| word.parse().ok());
    status
        .filter(|_| is_http)
        .ok_or_else(|| format!("{to} answers, but not as HTTP does"))
}

/// A library for TLS would be as large as all the rest of the agent.
fn by_curl(url: &str, limit: Duration) -> Seen {
    let seconds = limit.as_secs().max(1).to_string();
    let words = [
        "--silent",
        "--max-time",
        &seconds,
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "--",
        url,
    ];
    let asked = process::program("curl", &words);
    match process::told_within(asked, limit + Duration::from_secs(1)) {
        None => Seen::no("https is asked by curl, which is not on the host, or does not end"),
        Some((status, text)) if status.success() => match text.trim().parse() {
            Ok(code) => judge(code),
            Err(_) => Seen::no("curl says no status"),
        },
        Some((status, _)) => Seen::no(format!("curl: {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Url, get};
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    #[test]
    fn urls() {
        let parts = |url| {
            let url = Url::parse(url)?;
            Some(format!("{} {} {}", url.host, url.port, url.path))
        };
        for (url, wanted) in [
            ("http://localhost", Some("localhost 80 /")),
            ("http://localhost:81/a?b#c", Some("localhost 81 /a?b")),
            ("http://x?y", Some("x 80 /?y")),
            ("http://[::1]:82/", Some("[::1] 82 /")),
            ("http://[::1]/", Some("[::1] 80 /")),
            ("http://a b/", None),
            ("http://a/\r\nX: y", None),
            ("http:///x", None),
            ("http://u:p@x/", None),
            ("http://x:99999/", None),
            ("ftp://x/", None),
        ] {
            assert_eq!(parts(url).as_deref(), wanted, "{url}");
        }
    }

    /// A server that answers once with these bytes; its URL.
    fn server(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/x", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a call");
            let mut request = [0; 1024];
            let read = stream.read(&mut request).expect("a request");
            assert!(request[..read].starts_with(b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:"));
            if answer.is_empty() {
                std::thread::sleep(Duration::from_secs(20));
            }
            stream.write_all(answer).expect("an answer");
        });
        url
    }

    #[test]
    fn a_success_is_2xx() {
        let second = Duration::from_secs(1);
        let saw = |answer| {
            let seen = get(&server(answer), second);
            format!("{} {}", seen.holds, seen.saw)
        };
        assert_eq!(saw(b"HTTP/1.1 204 No Content\r\n\r\n"), "true HTTP 204");
        assert_eq!(saw(b"HTTP/1.0 200\n"), "true HTTP 200");
        assert_eq!(saw(b"HTTP/1.1 503 x\r\n\r\n"), "false HTTP 503");
        assert!(saw(b"HTTP/1.1 301 x\r\n\r\n").starts_with("false HTTP 301: a redirect"));
        assert!(saw(b"SSH-2.0-x\r\n").ends_with("but not as HTTP does"));
        assert!(saw(b"").starts_with("false 127.0.0.1"), "silence");
        let gone = get("http://127.0.0.1:1/", second);
        assert!(!gone.holds && gone.saw.contains("refused"), "{gone:?}");
    }
}
