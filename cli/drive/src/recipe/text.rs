//! Random texts.

use super::{Bytes, random};
use infra_model::Diagnostic;
use zeroize::Zeroizing;

/// So many of these characters.
pub(super) fn password(length: usize, characters: &[char]) -> Result<Bytes, Diagnostic> {
    let numbers = random::below(characters.len(), length)?;
    // ASCII, says the contract's check: a byte each, so that the buffer never moves.
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    for number in numbers.iter() {
        let character = characters.get(usize::from(*number)).copied();
        text.extend(character.and_then(|c| u8::try_from(c).ok()));
    }
    Ok(text)
}

/// So many random bytes, as hexadecimal digits.
pub(super) fn hex(count: usize) -> Result<Bytes, Diagnostic> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = random::bytes(count)?;
    let mut text = Zeroizing::new(Vec::with_capacity(2 * count));
    for byte in bytes.iter() {
        for half in [byte >> 4, byte & 15] {
            text.extend(DIGITS.get(usize::from(half)));
        }
    }
    Ok(text)
}

/// Syllables of our words: a consonant and a vowel. Left out is what sounds or looks like another one (c and k, q, w and v, x, y and i; u and
/// o after a hasty pen).
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aeio";

/// How many words there are: two syllables each, so 12 bits.
const WORDS: u16 = 4096;

/// The word of a number below [`WORDS`]: `baba` to `zozo`.
fn word(number: u16) -> [u8; 4] {
    let letter = |letters: &[u8], at: u16| {
        let at = usize::from(at) % letters.len();
        letters.get(at).copied().unwrap_or_default()
    };
    [
        letter(CONSONANTS, number >> 8),
        letter(VOWELS, number >> 6),
        letter(CONSONANTS, number >> 2),
        letter(VOWELS, number),
    ]
}

/// So many random words: 12 bits of entropy each.
pub(super) fn passphrase(words: usize, separator: &str) -> Result<Bytes, Diagnostic> {
    let random = random::bytes(2 * words)?;
    let mut text = Zeroizing::new(Vec::with_capacity(words * (4 + separator.len())));
    for (at, pair) in random.chunks_exact(2).enumerate() {
        if at > 0 {
            text.extend_from_slice(separator.as_bytes());
        }
        // 4096 divides 65536, so no word is preferred.
        let number = pair.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte));
        text.extend_from_slice(&word(number % WORDS));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{WORDS, hex, passphrase, password, word};
    use std::collections::BTreeSet;

    #[test]
    fn all_words_differ() {
        let all: BTreeSet<[u8; 4]> = (0..WORDS).map(word).collect();
        assert_eq!(all.len(), 4096);
        assert_eq!((&word(0), &word(WORDS - 1)), (b"baba", b"zozo"));
    }

    #[test]
    fn texts_have_the_length_and_the_characters_they_should() {
        let secret = password(300, &['a', 'b', '~']).expect("random");
        assert_eq!(secret.len(), 300);
        assert_eq!(
            secret.iter().copied().collect::<BTreeSet<u8>>(),
            BTreeSet::from(*b"ab~")
        );
        let digits = hex(16).expect("random");
        assert_eq!(digits.len(), 32);
        assert!(digits.iter().all(u8::is_ascii_hexdigit));
        let phrase = passphrase(7, " - ").expect("random");
        let phrase = String::from_utf8(phrase.to_vec()).expect("ASCII");
        let known: BTreeSet<[u8; 4]> = (0..WORDS).map(word).collect();
        let words: Vec<&str> = phrase.split(" - ").collect();
        assert_eq!(words.len(), 7);
        for said in words {
            let said: [u8; 4] = said.as_bytes().try_into().expect("four letters");
            assert!(known.contains(&said), "{said:?}");
        }
    }

    #[test]
    fn no_two_are_alike() {
        assert_ne!(*hex(32).expect("random"), *hex(32).expect("random"));
        assert_ne!(
            *passphrase(7, "-").expect("random"),
            *passphrase(7, "-").expect("random")
        );
    }
}
