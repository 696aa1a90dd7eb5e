//! Random numbers of the operating system.

use super::Bytes;
use infra_model::{Code, Diagnostic};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// So many random bytes.
pub(super) fn bytes(count: usize) -> Result<Bytes, Diagnostic> {
    let mut bytes = Zeroizing::new(vec![0; count]);
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => {
                return Err(
                    Diagnostic::new(Code::Internal, "the system gives no random numbers")
                        .with_cause(error.to_string())
                        .with_fix(
                            "infra needs Linux 3.17 or later, and a sandbox that allows getrandom",
                        ),
                );
            }
        }
    }
    Ok(bytes)
}

/// A random word of 32 hexadecimal digits, that nobody guesses.
pub fn word() -> Result<String, Diagnostic> {
    let mut word = String::new();
    for byte in bytes(16)?.iter() {
        let _ = write!(word, "{byte:02x}");
    }
    Ok(word)
}

/// 32 random bytes: a key.
pub(super) fn key() -> Result<Zeroizing<[u8; 32]>, Diagnostic> {
    let bytes = bytes(32)?;
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&bytes);
    Ok(key)
}

/// So many numbers below `end` (1 to 256), each as likely as any other.
pub(super) fn below(end: usize, count: usize) -> Result<Zeroizing<Vec<u8>>, Diagnostic> {
    pick(end, count, bytes)
}

/// A byte modulo `end` would prefer small numbers wherever `end` does not divide 256; the bytes at the top that cause this are thrown away.
fn pick(
    end: usize,
    count: usize,
    mut source: impl FnMut(usize) -> Result<Bytes, Diagnostic>,
) -> Result<Zeroizing<Vec<u8>>, Diagnostic> {
    let fair = 256 - 256 % end;
    let mut picked = Zeroizing::new(Vec::with_capacity(count));
    while picked.len() < count {
        // At worst half of the bytes are thrown away.
        for byte in source(2 * (count - picked.len()))?.iter() {
            if usize::from(*byte) < fair && picked.len() < count {
                picked.push(u8::try_from(usize::from(*byte) % end).unwrap_or(0));
            }
        }
    }
    Ok(picked)
}

#[cfg(test)]
mod tests {
    use super::{bytes, pick};
    use zeroize::Zeroizing;

    #[test]
    fn no_number_is_preferred() {
        for end in [2, 3, 10, 62, 94, 128, 200, 255, 256] {
            // Each byte once, those first that are too many: then each number must come equally often.
            let count = 256 - 256 % end;
            let bytes: Vec<u8> = (0..=255).cycle().skip(count).take(256).collect();
            let all = |_| Ok(Zeroizing::new(bytes.clone()));
            let picked = pick(end, count, all).expect("random");
            let mut times = vec![0; end];
            for number in picked.iter() {
                times[usize::from(*number)] += 1;
            }
            assert!(times.iter().all(|n| *n == 256 / end), "{end}: {times:?}");
        }
    }

    #[test]
    fn random_bytes_fill_all_of_what_is_asked() {
        // More than the kernel gives in one piece without interruption.
        let many = bytes(4096).expect("random");
        assert_eq!(many.len(), 4096);
        assert!(many.chunks(64).all(|part| part.iter().any(|b| *b != 0)));
        assert_ne!(*many, *bytes(4096).expect("random"));
    }
}
