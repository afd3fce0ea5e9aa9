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

/// What an `after` asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum After {
    /// Streams below a score.
    Score(ScorePlace),
    /// An inner cursor that is empty: Twitch sends such ones, and answers them with an empty page.
    Nothing,
    /// From this place on.
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

/// The cursor of a list by place.
pub(super) fn by_offset(next: usize) -> String {
    encode(&Pair { b: None, a: Side::Place { offset: next } })
}

/// Reads a cursor; `None` if it is none of ours.
pub(super) fn read(text: &str) -> Option<After> {
    let pair: Pair = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    match pair.a {
        Side::Score { cursor } if cursor.is_empty() => Some(After::Nothing),
        Side::Score { cursor } => serde_json::from_slice(&STANDARD.decode(cursor).ok()?).ok().map(After::Score),
        Side::Place { offset } => Some(After::Offset(offset)),
    }
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
        let score = 3864.513_033_944;
        let text = by_score(ScorePlace::new(98_700.25, None), ScorePlace::new(score, None));
        let outer: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&text).expect("base64")).expect("JSON");
        let inner = STANDARD.decode(outer["a"]["Cursor"].as_str().expect("text")).expect("base64");
        assert_eq!(inner, br#"{"s":3864.513033944,"d":false,"t":true}"#);
        assert_eq!(read(&text), Some(After::Score(ScorePlace::new(score, None))));
    }

    #[test]
    fn offsets_empty_cursors_and_nonsense() {
        assert_eq!(read(&by_offset(20)), Some(After::Offset(20)));
        assert_eq!(read(&URL_SAFE_NO_PAD.encode(r#"{"b":null,"a":{"Cursor":""}}"#)), Some(After::Nothing));
        for wrong in ["", "x", "bm90IGpzb24", "e30"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
