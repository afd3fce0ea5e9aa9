//! Where a partition is read from that has not been read before.

use chrono::DateTime;

/// The value of `start:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The first record that is still there.
    Earliest,
    /// What is appended after the opening.
    Latest,
    /// The first record whose time is this or later: microseconds since 1970-01-01T00:00:00Z.
    At(i64),
}

impl Start {
    /// Reads `earliest`, `latest` or an RFC 3339 time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            time => DateTime::parse_from_rfc3339(time).ok().map(|time| Self::At(time.timestamp_micros())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_zone() {
        assert_eq!(Start::parse("latest"), Some(Start::Latest));
        assert_eq!(Start::parse("1970-01-01T01:00:00.5+01:00"), Some(Start::At(500_000)));
        assert_eq!(Start::parse("1970-01-01T01:00:00"), None);
        assert_eq!(Start::parse("yesterday"), None);
    }
}
