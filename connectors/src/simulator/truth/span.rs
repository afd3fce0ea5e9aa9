//! The instants that a question about the truth names.

use chrono::DateTime;

use super::super::query::Query;

const DAY: i64 = 86_400;
/// The longest time that one question may ask about.
const SPAN_MAX: i64 = 31 * DAY;

/// `from` and `to`: the day up to now if they are not given.
pub(super) fn span(query: &Query, now: i64) -> Result<(i64, i64), String> {
    let to = instant(query, "to")?.unwrap_or(now);
    let from = instant(query, "from")?.unwrap_or(to - DAY);
    if !(0..=SPAN_MAX).contains(&(to - from)) {
        return Err("`from` must be before `to` by at most 31 days".into());
    }
    Ok((from, to))
}

/// An instant, if it is given.
pub(super) fn instant(query: &Query, name: &str) -> Result<Option<i64>, String> {
    query
        .one(name)
        .map(|text| {
            DateTime::parse_from_rfc3339(text)
                .map(|at| at.timestamp())
                .map_err(|_| format!("`{name}` must be a time such as 2026-01-05T00:00:00Z"))
        })
        .transpose()
}
