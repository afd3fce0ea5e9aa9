//! Names for what a node computes: equal names, equal results.

use std::fmt::Write as _;

/// A digest of a description and of the fingerprints above it, as 32 hexadecimal digits.
///
/// FNV-1a over 128 bits (Fowler, Noll, Vo; draft-eastlake-fnv): it stands in users' databases, so it must never change between
/// releases. It guards against mistakes, not attackers.
pub(crate) fn fingerprint(description: &str, above: &[&str]) -> String {
    const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut text = description.to_owned();
    for name in above {
        let _ = write!(text, "\u{0}{name}");
    }
    let digest = text.bytes().fold(OFFSET_BASIS, |digest, byte| (digest ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{digest:032x}")
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn fingerprints_never_change() {
        assert_eq!(fingerprint("", &[]), "6c62272e07bb014262b821756295c58d");
        assert_eq!(fingerprint("a", &[]), "d228cb696f1a8caf78912b704e4a8964");
        assert_ne!(fingerprint("a", &["b"]), fingerprint("ab", &[]));
    }
}
