//! Page cursors, as real ones decode: base64url without padding of `{"b":{"Cursor":B},"a":{"Cursor":A}}`, where A and B are base64 of
//! `{"s":3864.51,"d":false,"t":true}`, the scores of the page's first and last stream; for lists by place `{"b":null,"a":{"Offset":20}}`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// A place in the index of streams.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ScorePlace {
    /// The score.
    pub(super) s: f64,
    d: bool,
    t: bool,
    /// The second that the crawl shows, if all of its pages show one. Real cursors lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct Pair {
    b: Option<Side>,
    a: Side,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Side {
    Score {
        #[serde(rename = "Cursor")]
        cursor: String,
    },
    Place {
        #[serde(rename = "Offset")]
        offset: usize,
    },
}

/// What an `after` or a `before` asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// Streams below a score; above it, for a `before`.
    Score(ScorePlace),
    /// An inner cursor that is empty: Twitch sends such ones, and answers them with an empty page.
    Nothing,
    /// From this place on; up to it, for a `before`.
    Offset(usize),
}

impl ScorePlace {
    pub(super) fn new(score: f64, at: Option<i64>) -> Self {
        Self { s: score, d: false, t: true, at }
    }
}

/// The cursor of a page of streams.
pub(super) fn by_score(first: ScorePlace, last: ScorePlace) -> String {
    let side = |place| Side::Score { cursor: STANDARD.encode(json(&place)) };
    encode(&Pair { b: Some(side(first)), a: side(last) })
}

/// The cursor of a page of a list by place: where the page begins, and where the next one does.
pub(super) fn by_offset(start: usize, next: usize) -> String {
    encode(&Pair { b: (start > 0).then_some(Side::Place { offset: start }), a: Side::Place { offset: next } })
}

/// Where the page after this cursor's begins; `None` if it is no cursor of ours.
pub(super) fn read_after(text: &str) -> Option<Place> {
    place(decode(text)?.a)
}

/// Where the page before this cursor's ends; `None` if it is no cursor of ours.
pub(super) fn read_before(text: &str) -> Option<Place> {
    decode(text)?.b.map_or(Some(Place::Nothing), place)
}

/// The same cursor, but the inner one that leads onward is empty.
pub(super) fn without_after(text: &str) -> Option<String> {
    let pair = decode(text)?;
    Some(encode(&Pair { b: pair.b, a: Side::Score { cursor: String::new() } }))
}

fn place(side: Side) -> Option<Place> {
    match side {
        Side::Score { cursor } if cursor.is_empty() => Some(Place::Nothing),
        Side::Score { cursor } => serde_json::from_slice(&STANDARD.decode(cursor).ok()?).ok().map(Place::Score),
        Side::Place { offset } => Some(Place::Offset(offset)),
    }
}

fn decode(text: &str) -> Option<Pair> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn encode(pair: &Pair) -> String {
    URL_SAFE_NO_PAD.encode(json(pair))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("cursors are plain structs with string keys and finite numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_decodes_as_a_real_one() {
        let score = 3_864.513_033_944;
        let text = by_score(ScorePlace::new(98_700.25, None), ScorePlace::new(score, None));
        let outer: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&text).expect("base64")).expect("JSON");
        let inner = STANDARD.decode(outer["a"]["Cursor"].as_str().expect("text")).expect("base64");
        assert_eq!(inner, br#"{"s":3864.513033944,"d":false,"t":true}"#);
        assert_eq!(read_after(&text), Some(Place::Score(ScorePlace::new(score, None))));
        assert_eq!(read_before(&text), Some(Place::Score(ScorePlace::new(98_700.25, None))));
        let dead = without_after(&text).expect("a cursor");
        assert_eq!((read_after(&dead), read_before(&dead)), (Some(Place::Nothing), read_before(&text)));
    }

    #[test]
    fn offsets_empty_cursors_and_nonsense() {
        assert_eq!(read_after(&by_offset(0, 20)), Some(Place::Offset(20)));
        assert_eq!(read_before(&by_offset(0, 20)), Some(Place::Nothing));
        assert_eq!(read_before(&by_offset(20, 40)), Some(Place::Offset(20)));
        assert_eq!(read_after(&URL_SAFE_NO_PAD.encode(r#"{"b":null,"a":{"Cursor":""}}"#)), Some(Place::Nothing));
        for wrong in ["", "x", "bm90IGpzb24", "e30"] {
            assert_eq!((read_after(wrong), read_before(wrong)), (None, None), "{wrong}");
        }
    }
}
