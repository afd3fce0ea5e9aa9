//! What really was, for judging results: exact counts and all broadcasts.

use chrono::DateTime;
use serde_json::{Value, json};

use super::clock::rfc3339;
use super::query::Query;
use super::reply::Reply;
use super::world::World;

const DAY: i64 = 86_400;
/// The longest time that one question may ask about.
const SPAN_MAX: i64 = 31 * DAY;

/// `GET /sim/truth/streams?at=`: every stream that is live at the instant (now if none is given), whatever lists show.
pub(super) fn streams(world: &World, query: &Query, now: i64) -> Result<Reply, String> {
    let at = instant(query, "at")?.unwrap_or(now);
    let live = world.channels.iter().flat_map(|channel| world.schedule.between(channel, at, at + 1));
    let data: Vec<Value> = live
        .map(|session| {
            let channel = world.channel(&session);
            let game = world.game(&session, at);
            json!({
                "id": session.id.to_string(),
                "user_id": channel.user_id,
                "user_login": channel.login,
                "game_id": game.map_or("", |rank| world.catalog.id(rank)),
                "language": channel.language,
                "viewers": world.audience.viewers(channel, &session, at),
                "viewer_count": world.audience.reported(channel, &session, at),
                "started_at": rfc3339(session.start),
            })
        })
        .collect();
    Ok(Reply::json(&json!({ "at": rfc3339(at), "data": data })))
}

/// `GET /sim/truth/sessions?from=&to=`: every broadcast that is live at any time in `from..to` (the day up to now if not given).
pub(super) fn sessions(world: &World, query: &Query, now: i64) -> Result<Reply, String> {
    let to = instant(query, "to")?.unwrap_or(now);
    let from = instant(query, "from")?.unwrap_or(to - DAY);
    if !(0..=SPAN_MAX).contains(&(to - from)) {
        return Err("`from` must be before `to` by at most 31 days".into());
    }
    let found = world.channels.iter().flat_map(|channel| world.schedule.between(channel, from, to));
    let data: Vec<Value> = found
        .map(|session| {
            let channel = world.channel(&session);
            json!({
                "id": session.id.to_string(),
                "user_id": channel.user_id,
                "user_login": channel.login,
                "started_at": rfc3339(session.start),
                "ended_at": rfc3339(session.end),
            })
        })
        .collect();
    Ok(Reply::json(&json!({ "from": rfc3339(from), "to": rfc3339(to), "data": data })))
}

fn instant(query: &Query, name: &str) -> Result<Option<i64>, String> {
    query
        .one(name)
        .map(|text| {
            DateTime::parse_from_rfc3339(text)
                .map(|at| at.timestamp())
                .map_err(|_| format!("`{name}` must be a time such as 2026-01-05T00:00:00Z"))
        })
        .transpose()
}
