//! What really was, for judging results: exact counts, all broadcasts, raids, changes of category, and hours watched.

mod raids;
mod sessions;
mod span;
mod streams;
mod switches;
mod watch_hours;

use axum::http::StatusCode;

use super::query::Query;
use super::reply::Reply;
use super::world::World;

/// Answers `GET /sim/truth/{what}` at the virtual second `now`.
pub(super) fn answer(what: &str, world: &World, query: &Query, now: i64) -> Reply {
    let answered = match what {
        "streams" => streams::streams(world, query, now),
        "sessions" => sessions::sessions(world, query, now),
        "raids" => raids::raids(world, query, now),
        "switches" => switches::switches(world, query, now),
        "watch_hours" => watch_hours::watch_hours(world, query, now),
        _ => return Reply::helix(StatusCode::NOT_FOUND, "not found"),
    };
    answered.unwrap_or_else(|message| Reply::bad_request(&message))
}
