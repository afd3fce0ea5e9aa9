//! `GET` and `POST /sim/clock`.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use engine::spec::parse_duration;
use serde::Deserialize;
use serde_json::json;

use super::clock::{Clock, rfc3339};
use super::reply::Reply;

/// What a `POST` asks of the clock.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Change {
    Set(String),
    Advance(String),
}

/// Says the time.
pub(super) fn show(clock: &Clock) -> Reply {
    Reply::json(&json!({ "now": rfc3339(clock.seconds()) }))
}

/// Sets or advances a manual clock: `{"set":"2026-01-05T12:00:00Z"}` or `{"advance":"20s"}`.
pub(super) fn change(clock: &Clock, body: &[u8]) -> Reply {
    let refuse = |status: StatusCode, message: &str| Reply::with(status, &json!({ "message": message }));
    let change = match parse(body) {
        Ok(change) => change,
        Err(message) => return refuse(StatusCode::BAD_REQUEST, &message),
    };
    let changed = match change {
        Parsed::Set(to) => clock.set(to),
        Parsed::Advance(by) => clock.advance(by),
    };
    if changed { show(clock) } else { refuse(StatusCode::CONFLICT, "the clock is not a manual one") }
}

enum Parsed {
    Set(DateTime<Utc>),
    Advance(Duration),
}

fn parse(body: &[u8]) -> Result<Parsed, String> {
    match serde_json::from_slice(body) {
        Ok(Change::Set(to)) => DateTime::parse_from_rfc3339(&to)
            .map(|to| Parsed::Set(to.to_utc()))
            .map_err(|_| format!("`{to}` is not a time such as 2026-01-05T00:00:00Z")),
        Ok(Change::Advance(by)) => parse_duration(&by).map(Parsed::Advance),
        Err(_) => Err("write {\"set\":\"2026-01-05T12:00:00Z\"} or {\"advance\":\"20s\"}".into()),
    }
}
