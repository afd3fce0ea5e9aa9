//! What a reply's status and headers mean for the call.

use std::time::Duration;

use super::backoff::random;
use super::transport::Reply;

/// The longest time that a server can make us wait before one retry.
const WAIT_MAX: u64 = 65;

/// What is done about a reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is taken.
    Good,
    /// The token is renewed and the call made again, once.
    Renew,
    /// The call is made again after the back-off, or after the time that the server asks for.
    Again(Option<Duration>),
    /// The same call would be refused again.
    Refused,
}

/// Judges a reply at `now` (unix seconds).
///
/// A 429 with points remaining is no rate limit but an incident, and is met with the usual back-off.
pub(super) fn judge(reply: &Reply, now: u64) -> Verdict {
    match reply.status {
        200..=299 => Verdict::Good,
        401 => Verdict::Renew,
        429 => Verdict::Again(if reply.remaining.is_none_or(|remaining| remaining < 1.0) {
            until_reset(reply, now)
        } else {
            None
        }),
        408 | 425 | 500..=599 => {
            Verdict::Again(reply.retry_after.map(|seconds| Duration::from_secs(seconds.min(WAIT_MAX))))
        }
        _ => Verdict::Refused,
    }
}

fn until_reset(reply: &Reply, now: u64) -> Option<Duration> {
    let seconds = reply.retry_after.or_else(|| reply.reset.map(|reset| reset.saturating_sub(now)))?;
    Some(Duration::from_secs(seconds.min(WAIT_MAX)) + Duration::from_secs_f64(random()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, remaining: Option<f64>, reset: Option<u64>) -> Reply {
        Reply { status, remaining, reset, retry_after: None, body: Vec::new() }
    }

    #[test]
    fn a_real_429_waits_for_the_reset_and_a_false_one_does_not() {
        let waits = |remaining, reset| match judge(&reply(429, remaining, reset), 1000) {
            Verdict::Again(Some(wait)) => Some(wait.as_secs()),
            Verdict::Again(None) => None,
            other => panic!("{other:?}"),
        };
        assert!((30..=31).contains(&waits(Some(0.0), Some(1030)).expect("a wait")));
        assert!((30..=31).contains(&waits(None, Some(1030)).expect("a wait")));
        assert!((65..=66).contains(&waits(Some(0.0), Some(9_999_999)).expect("a wait")));
        assert_eq!(waits(Some(0.0), Some(1)), Some(0));
        assert_eq!(waits(Some(512.0), Some(1030)), None);
        assert_eq!(waits(Some(0.0), None), None);
    }

    #[test]
    fn server_errors_pass_and_client_errors_do_not() {
        assert_eq!(judge(&reply(204, None, None), 0), Verdict::Good);
        assert_eq!(judge(&reply(503, None, None), 0), Verdict::Again(None));
        assert_eq!(judge(&reply(401, None, None), 0), Verdict::Renew);
        for status in [301, 400, 403, 404] {
            assert_eq!(judge(&reply(status, None, None), 0), Verdict::Refused);
        }
    }
}
