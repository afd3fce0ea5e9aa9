//! What can go wrong between us and a server.

/// A failed call. Texts name the call and quote the server's message; they hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// A setting cannot be used: an address, an unset variable.
    #[error("{0}")]
    Unusable(String),
    /// The authorization server refuses the client's id or secret.
    #[error("{server} refuses the client credentials: {message}")]
    Credentials {
        /// The token endpoint.
        server: String,
        /// Its words.
        message: String,
    },
    /// The server refuses the call; the same call would be refused again.
    #[error("{call} is refused with {status}: {message}")]
    Refused {
        /// The call, as `GET /streams`.
        call: String,
        /// The status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// The call failed as often as it may be tried.
    #[error("{call} failed {attempts} times, at last with: {last}")]
    Exhausted {
        /// The call.
        call: String,
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt ended with.
        last: String,
    },
}

/// The longest quotation from a server.
const QUOTED_MAX: usize = 200;

/// A server's words, fit for a message: one line, not long, without the given secrets.
pub(super) fn quote(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "(secret)");
    }
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTED_MAX).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_one_short_line_without_secrets() {
        assert_eq!(quote("bad\ntoken hunter2\u{1b}[0m", &["hunter2", ""]), "bad token (secret) [0m");
        assert_eq!(quote(&"x".repeat(1000), &[]).len(), QUOTED_MAX);
    }
}
