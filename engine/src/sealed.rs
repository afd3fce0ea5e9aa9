//! Small files that show whether they were changed: one line of JSON with the checksum of its content.
//!
//! The form is `{"crc32c":"XXXXXXXX","content":…}` and a line end, the checksum in hexadecimal, over exactly the bytes of the content: it shows every
//! change of up to 32 bits that lie together. What stands around the content must be exactly that.

use serde::Serialize;
use serde::de::DeserializeOwned;

const HEAD: &[u8] = b"{\"crc32c\":\"";
const BETWEEN: &[u8] = b"\",\"content\":";
const END: &[u8] = b"}\n";
/// The digits of a checksum.
const DIGITS: usize = 8;

/// Why content cannot be taken out.
#[derive(Debug, thiserror::Error)]
pub enum Unsealable {
    /// It is not of the form, or is cut off.
    #[error("it is not of the form that flowctl writes")]
    Form,
    /// It was changed.
    #[error("its checksum does not match")]
    Checksum,
    /// It is sound, but something else than what is looked for.
    #[error("it is something else ({0})")]
    Content(serde_json::Error),
}

/// The bytes of a file with this content.
///
/// # Errors
/// The content has no JSON.
pub fn seal(content: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let content = serde_json::to_vec(content)?;
    let checksum = format!("{:08x}", crc32c::crc32c(&content));
    Ok([HEAD, checksum.as_bytes(), BETWEEN, &content, END].concat())
}

/// The content of a file.
///
/// # Errors
/// It was changed, or was never sealed.
pub fn unseal<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unsealable> {
    let rest = bytes.strip_prefix(HEAD).and_then(|rest| rest.strip_suffix(END)).ok_or(Unsealable::Form)?;
    let (checksum, rest) = rest.split_at_checked(DIGITS).ok_or(Unsealable::Form)?;
    let content = rest.strip_prefix(BETWEEN).ok_or(Unsealable::Form)?;
    if checksum != format!("{:08x}", crc32c::crc32c(content)).as_bytes() {
        return Err(Unsealable::Checksum);
    }
    serde_json::from_slice(content).map_err(Unsealable::Content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_byte_and_every_cut_shows() {
        let content = vec![("a".to_owned(), 7_u64), ("ä\"\n".to_owned(), 0)];
        let whole = seal(&content).expect("plain JSON");
        assert_eq!(unseal::<Vec<(String, u64)>>(&whole).expect("as it was"), content);
        assert!(serde_json::from_slice::<serde_json::Value>(&whole).is_ok(), "people read it with their tools");
        for at in 0..whole.len() {
            for pattern in [0x01, 0x20, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= pattern;
                assert!(unseal::<Vec<(String, u64)>>(&bytes).is_err(), "byte {at} ^ {pattern}");
            }
            assert!(unseal::<Vec<(String, u64)>>(&whole[..at]).is_err(), "cut to {at}");
        }
        assert!(matches!(unseal::<u64>(&whole), Err(Unsealable::Content(_))));
    }
}
