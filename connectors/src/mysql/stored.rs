//! A value as a database hands it out, before it is known what it means.

use super::cell::Cell;

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stored {
    /// SQL's null.
    Null,
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text; also what has no other form, as decimals and times: `2024-02-29 12:00:00.000000`.
    Text(String),
    /// Bytes that are no text, or that are not kept as text.
    Bytes(Vec<u8>),
}

impl Stored {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) | Self::Float(_) => 16,
            Self::Text(text) => text.len() + 16,
            Self::Bytes(bytes) => bytes.len() + 16,
        }
    }

    /// For messages.
    pub(super) fn shown(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(number) => Cell::Int(*number),
            Self::Float(number) => Cell::Float(*number),
            Self::Text(text) => Cell::Text(text.into()),
            Self::Bytes(bytes) => {
                let hex: String = bytes.iter().take(40).map(|byte| format!("{byte:02x}")).collect();
                Cell::Text(format!("0x{hex}").into())
            }
        }
    }
}
