//! Text columns: views into the payload, of texts that are known to be UTF-8 without looking at each once more.
#![expect(
    unsafe_code,
    reason = "Arrow's own check looks at every byte of every text, though the whole payload was judged at once"
)]

use arrow::array::{StringViewArray, make_view};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};

use super::build::Origin;
use super::slots::{Cell, Place};

const PAYLOAD: u32 = 0;
const UNESCAPED: u32 = 1;

/// Texts as views into the payload: nothing is copied but texts of up to 12 bytes, which Arrow keeps in the view, and those with
/// escapes, which go into a buffer of their own.
///
/// # Panics
/// A cell points to what is no text. The cell of a null must be zero.
pub(super) fn build_texts(cells: &[Cell], nulls: Option<NullBuffer>, origin: Origin<'_>) -> StringViewArray {
    let payload = origin.payload;
    let mut unescaped = Vec::new();
    let mut borrows = false;
    let view = |cell: &Cell| {
        let place = Place::unpack(*cell);
        let written = &payload.bytes()[place.start..place.end];
        if place.escaped {
            let start = unescaped.len();
            (origin.unescape)(written, &mut unescaped);
            let text = std::str::from_utf8(&unescaped[start..]).expect("escapes stand for whole characters");
            make_view(text.as_bytes(), UNESCAPED, start as u32)
        } else {
            assert!(payload.holds(place.start..place.end), "the scan has judged that this is text");
            borrows |= written.len() > 12;
            make_view(written, PAYLOAD, place.start as u32)
        }
    };
    let views: Vec<u128> = cells.iter().map(view).collect();
    // A column of short texts must not keep the whole payload alive.
    let borrowed = if borrows { payload.bytes().clone() } else { Buffer::default() };
    let buffers = if unescaped.is_empty() { vec![borrowed] } else { vec![borrowed, Buffer::from(unescaped)] };
    // SAFETY: each view must lie within its buffer, repeat its first bytes there, and be UTF-8. Slicing has shown the first; `make_view` writes the
    // second, of that slice and its place; the third was shown just before it was called, by `Payload::holds` or `from_utf8`. A view of more than 12
    // bytes, which alone point into a buffer, has set `borrows`, so that the payload is there.
    unsafe { StringViewArray::new_unchecked(ScalarBuffer::from(views), buffers, nulls) }
}
