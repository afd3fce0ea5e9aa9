//! What can go wrong in an API that is up, each by the word that names it.

use std::str::FromStr;
use std::time::Duration;

use engine::spec::parse_duration;

/// One way in which a reply is not as it should be. All of them were seen at the real API or in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 500 with a JSON body.
    ServerError,
    /// 503 with a JSON body.
    Unavailable,
    /// 502 with an HTML page of some gateway.
    HtmlGateway,
    /// 200, but the JSON ends in its middle.
    TruncatedJson,
    /// The connection breaks before the first byte of a reply.
    Cut,
    /// The connection breaks after the head of the reply.
    Reset,
    /// The reply comes after this time.
    Slow(Duration),
    /// 429 although points remain.
    FalseTooMany,
    /// 401, and the token is void from here on.
    Unauthorized,
    /// 400 `invalid cursor`.
    InvalidCursor,
    /// The first page once more, with its cursor.
    LoopCursor,
    /// The cursor has an inner cursor that is empty, which leads to an empty page.
    EmptyCursor,
    /// No streams, and no cursor.
    EmptyData,
    /// `tags` and `tag_ids` are null in every stream.
    NullTags,
    /// Every stream has a field that nobody knows, and its fields come in another order.
    ExtraField,
    /// `viewer_count` is text in the first stream.
    TextViewerCount,
    /// The body is packed with gzip, if the client accepts that. No fault by itself, but not every client unpacks it.
    Gzip,
    /// The body comes in chunks of no announced length. No fault by itself, but not every client joins them.
    Chunked,
}

/// A word that names no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fault: choose one of {names}, or slow:TIME", names = WORDS.map(|word| word.0).join(", "))]
pub struct UnknownFault(String);

pub(super) const WORDS: [(&str, Fault); 17] = [
    ("500", Fault::ServerError),
    ("503", Fault::Unavailable),
    ("html", Fault::HtmlGateway),
    ("truncated", Fault::TruncatedJson),
    ("cut", Fault::Cut),
    ("reset", Fault::Reset),
    ("false429", Fault::FalseTooMany),
    ("401", Fault::Unauthorized),
    ("invalid_cursor", Fault::InvalidCursor),
    ("loop", Fault::LoopCursor),
    ("empty_cursor", Fault::EmptyCursor),
    ("empty", Fault::EmptyData),
    ("null_tags", Fault::NullTags),
    ("extra_field", Fault::ExtraField),
    ("text_viewer_count", Fault::TextViewerCount),
    ("gzip", Fault::Gzip),
    ("chunked", Fault::Chunked),
];

impl FromStr for Fault {
    type Err = UnknownFault;

    /// Reads one of the words, or `slow:2s`.
    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        match text.strip_prefix("slow:") {
            Some(time) => parse_duration(time).ok().map(Self::Slow),
            None => WORDS.iter().find(|word| word.0 == text).map(|word| word.1),
        }
        .ok_or_else(|| UnknownFault(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_as_its_fault() {
        for (word, fault) in WORDS {
            assert_eq!(word.parse(), Ok(fault));
        }
        assert_eq!("slow:2s".parse(), Ok(Fault::Slow(Duration::from_secs(2))));
        for wrong in ["", "504", "slow", "slow:2", "RESET"] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }
}
