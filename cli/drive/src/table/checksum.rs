//! Checksums of rows. SQLite notices a broken page, but not a broken byte within a text; a wrong answer of Nix would be deployed.

/// A running checksum. Not against malice: whoever can write the file can compute it.
#[derive(Debug)]
pub(super) struct Checksum(u64);

/// FNV's prime. Multiplying by an odd number loses nothing, so one changed word always changes the sum.
const PRIME: u64 = 0x0000_0100_0000_01b3;

impl Checksum {
    pub(super) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    #[must_use]
    pub(super) fn number(self, number: u64) -> Self {
        // The rotation brings high bits down; multiplication alone only carries upwards.
        Self((self.0 ^ number).wrapping_mul(PRIME).rotate_left(29))
    }

    #[must_use]
    pub(super) fn signed(self, number: i64) -> Self {
        self.number(number.cast_unsigned())
    }

    /// The bytes, and how many: so that none can move from one field to the next.
    #[must_use]
    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        let mut sum = self.number(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            sum = sum.number(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        sum.number(u64::from_le_bytes(last))
    }

    #[must_use]
    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// As a column stores it.
    pub(super) fn column(self) -> i64 {
        self.0.cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    fn of(parts: &[&str]) -> i64 {
        parts
            .iter()
            .fold(Checksum::new(), |sum, part| sum.text(part))
            .column()
    }

    #[test]
    fn every_changed_byte_and_every_moved_border_changes_the_sum() {
        let text = "{\"drv\":\"/nix/store/a.drv\"}";
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).expect("still ASCII");
            assert_ne!(of(&[&changed]), of(&[text]), "byte {at}");
        }
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a", ""]), of(&["a"]));
        assert_ne!(of(&["a\0"]), of(&["a"]));
    }

    #[test]
    fn the_sum_is_part_of_the_file_format() {
        // If this changes, every stored row looks damaged: raise the schema's version with it.
        assert_eq!(of(&["tree", "answer of Nix"]), -8_521_738_578_759_062_335);
    }
}
