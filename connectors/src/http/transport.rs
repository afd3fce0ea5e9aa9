//! One request and its reply: time limits, a bound on the body, headers read, nothing retried.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Url};

use super::error::HttpError;

const CONNECT_TIME: Duration = Duration::from_secs(10);

/// A reply that came whole.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// `Ratelimit-Remaining`.
    pub(super) remaining: Option<f64>,
    /// `Ratelimit-Reset`, in unix seconds.
    pub(super) reset: Option<u64>,
    /// `Retry-After`, in seconds.
    pub(super) retry_after: Option<u64>,
    pub(super) body: Vec<u8>,
}

/// An address that a client may call.
///
/// # Errors
/// It is none, or not of HTTP.
pub(crate) fn address(address: &str) -> Result<Url, HttpError> {
    // What stands before an `@` may be a password.
    let shown = address.rsplit('@').next().unwrap_or_default();
    let url =
        Url::parse(address).map_err(|error| HttpError::Unusable(format!("`{shown}` is not an address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(HttpError::Unusable(format!("`{shown}` is not an address of HTTP")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(HttpError::Unusable("an address of HTTP must not hold a user or a password".into()));
    }
    Ok(url)
}

/// Whether an address is this machine's own.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The connections to a server. Redirects are not followed: they could carry a token elsewhere.
pub(super) fn connections(url: &Url, timeout: Duration) -> Result<reqwest::Client, HttpError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("flowctl/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIME)
        .timeout(timeout)
        .redirect(Policy::none());
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| HttpError::Unusable(format!("no HTTP client can be made: {}", reason(error))))
}

/// Sends a request and reads its reply, at most `body_max` bytes of it.
///
/// # Errors
/// Why there is no whole reply.
pub(super) async fn send(request: RequestBuilder, body_max: usize) -> Result<Reply, String> {
    let mut response = request.send().await.map_err(reason)?;
    let headers = response.headers();
    let mut reply = Reply {
        status: response.status().as_u16(),
        remaining: number(headers, "ratelimit-remaining").map(|remaining| remaining as f64),
        reset: number(headers, "ratelimit-reset"),
        retry_after: number(headers, "retry-after"),
        body: Vec::new(),
    };
    while let Some(chunk) = response.chunk().await.map_err(reason)? {
        if reply.body.len() + chunk.len() > body_max {
            return Err(format!("the reply is longer than {body_max} bytes"));
        }
        reply.body.extend_from_slice(&chunk);
    }
    Ok(reply)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// An error with its causes, without the address: queries are long.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_http_without_passwords_are_called() {
        for wrong in
            ["", "helix", "ftp://a/b", "file:///etc/passwd", "https://me:hunter2@host/x", "https://me:hunter2@ho st"]
        {
            let error = address(wrong).expect_err(wrong).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        for (written, loopback) in [
            ("http://127.0.0.1:8080/helix", true),
            ("http://[::1]:8080", true),
            ("http://localhost", true),
            ("https://api.twitch.tv/helix", false),
        ] {
            assert_eq!(is_loopback(&address(written).expect(written)), loopback, "{written}");
        }
    }
}
