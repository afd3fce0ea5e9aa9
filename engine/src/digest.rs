//! An order-free digest of a multiset: equal multisets have equal digests, however and wherever they were added up.
//!
//! The digest is the sum, modulo 2^128, of each element's XXH3 (128 bits) as often as it stands. So what epochs and workers note apart adds up, and
//! what is taken back cancels. It tells apart what chance and bugs make differ, not what somebody constructs to collide.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

/// The digest of a multiset; of nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u128);

impl Digest {
    /// Adds an element so many times; takes it back if that is negative.
    pub fn add(&mut self, element: &[u8], times: i64) {
        self.0 = self.0.wrapping_add(xxh3_128(element).wrapping_mul(i128::from(times).cast_unsigned()));
    }

    /// Adds an element once that is also told apart by a number.
    pub fn add_numbered(&mut self, number: u64, element: &[u8]) {
        self.0 = self.0.wrapping_add(xxh3_128_with_seed(element, number));
    }

    /// The digest of both multisets together.
    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// It is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 32 hexadecimal digits")]
pub struct NoDigest;

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NoDigest);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NoDigest)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(elements: &[(&str, i64)]) -> Digest {
        let mut digest = Digest::default();
        elements.iter().for_each(|(element, times)| digest.add(element.as_bytes(), *times));
        digest
    }

    #[test]
    fn order_and_grouping_do_not_matter_and_content_does() {
        let whole = digest(&[("a", 1), ("b", 2), ("c", 1), ("c", -1)]);
        let mut parts = digest(&[("b", 1)]);
        parts.merge(digest(&[("b", 1), ("a", 1)]));
        assert_eq!(whole, parts);
        assert_eq!(digest(&[("a", 3), ("a", -3)]), Digest::default());
        for other in [&[("a", 1), ("b", 1)][..], &[("b", 1), ("b", 2)], &[("ab", 1)], &[]] {
            assert_ne!(whole, digest(other));
        }
    }

    #[test]
    fn its_text_is_itself_and_stays_what_it_is() {
        let digest = digest(&[("a", 1)]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        // What other versions have written is still compared.
        assert_eq!(digest.to_string(), "a96faf705af16834e6c632b61e964e1f");
        assert_eq!("+96faf705af16834e6c632b61e964e1f".parse::<Digest>(), Err(NoDigest));
    }
}
