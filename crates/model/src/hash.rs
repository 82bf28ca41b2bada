//! Stable hashes: the source of ids, seeded latencies and class identities.
//!
//! The same input gives the same value in every process, build and machine, because ids derive from them (design: "ids from
//! hash(seed, revision, ordinal)"). FNV-1a folded through the splitmix64 finaliser. Not for secrets.

/// Builds a 64-bit hash from parts; the order of the parts matters.
#[derive(Clone, Copy)]
pub struct Hash(u64);

impl Hash {
    /// A hash that starts from `seed`.
    pub const fn new(seed: u64) -> Hash {
        Hash(0xcbf2_9ce4_8422_2325 ^ seed)
    }
    /// Adds a text, with its length so that ("ab","c") differs from ("a","bc").
    pub fn text(self, text: &str) -> Hash {
        self.bytes(text.as_bytes())
    }
    /// Adds bytes, with their length.
    pub fn bytes(mut self, bytes: &[u8]) -> Hash {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.number(bytes.len() as u64)
    }
    /// Adds a number.
    pub const fn number(self, number: u64) -> Hash {
        Hash(mix(self.0 ^ mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }
    /// The hash of all that was added.
    pub const fn get(self) -> u64 {
        mix(self.0)
    }
    /// A value in `low..=high`, evenly spread.
    pub const fn between(self, low: i64, high: i64) -> i64 {
        assert!(low <= high);
        low + (self.get() % ((high - low) as u64 + 1)) as i64
    }
}

const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(Hash::new(1).text("ab").text("c").get(), Hash::new(1).text("a").text("bc").get());
        assert_ne!(Hash::new(1).number(0).get(), Hash::new(1).number(0).number(0).get());
    }

    #[test]
    fn between_reaches_both_ends() {
        let drawn: std::collections::BTreeSet<i64> = (0..200).map(|n| Hash::new(7).number(n).between(6, 10)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), vec![6, 7, 8, 9, 10]);
    }
}
