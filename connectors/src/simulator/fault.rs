//! What can go wrong in an API that is up: one fault for chosen requests.

use std::ops::RangeInclusive;
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

/// A fault and the requests it befalls. Requests to Helix are counted from 1 since the start of the simulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledFault {
    /// The numbers of the requests.
    pub requests: RangeInclusive<u64>,
    /// What befalls them.
    pub fault: Fault,
}

/// A fault that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a fault; write REQUEST:FAULT or FIRST-LAST:FAULT, where FAULT is one of {names}, or slow:TIME",
    names = WORDS.map(|word| word.0).join(", ")
)]
pub struct UnknownFault(String);

const WORDS: [(&str, Fault); 16] = [
    ("500", Fault::ServerError),
    ("503", Fault::Unavailable),
    ("html", Fault::HtmlGateway),
    ("truncated", Fault::TruncatedJson),
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

impl ScheduledFault {
    /// A fault for one request.
    #[must_use]
    pub fn at(request: u64, fault: Fault) -> Self {
        Self { requests: request..=request, fault }
    }

    /// A fault for every request in a range.
    #[must_use]
    pub fn during(requests: RangeInclusive<u64>, fault: Fault) -> Self {
        Self { requests, fault }
    }
}

impl FromStr for ScheduledFault {
    type Err = UnknownFault;

    /// Reads `7:503`, `7-9:html` or `7:slow:2s`.
    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let read = || {
            let (requests, fault) = text.split_once(':')?;
            let (first, last) = requests.split_once('-').unwrap_or((requests, requests));
            let fault = match fault.strip_prefix("slow:") {
                Some(time) => Fault::Slow(parse_duration(time).ok()?),
                None => WORDS.iter().find(|word| word.0 == fault)?.1,
            };
            Some(Self { requests: first.parse().ok()?..=last.parse().ok()?, fault })
        };
        read().ok_or_else(|| UnknownFault(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_read_as_written() {
        assert_eq!("7:503".parse(), Ok(ScheduledFault::at(7, Fault::Unavailable)));
        assert_eq!("7-9:html".parse(), Ok(ScheduledFault::during(7..=9, Fault::HtmlGateway)));
        assert_eq!("1:slow:2s".parse(), Ok(ScheduledFault::at(1, Fault::Slow(Duration::from_secs(2)))));
        for wrong in ["", "503", "7:504", "x:503", "1:slow:2"] {
            assert!(wrong.parse::<ScheduledFault>().is_err(), "{wrong}");
        }
    }
}
