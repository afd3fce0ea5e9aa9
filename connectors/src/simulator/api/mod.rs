//! The endpoints below `/helix`: one file each.

mod channels;
mod games;
mod streams;
mod users;

use axum::http::StatusCode;

use super::query::Query;
use super::reply::Reply;
use super::world::World;

/// A call that was let in.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) world: &'a World,
    pub(super) query: &'a Query,
    /// The virtual second.
    pub(super) at: i64,
    /// Whether a crawl keeps to the instant of its first page.
    pub(super) consistent: bool,
}

/// The parameters that an endpoint knows; `None` if there is no such endpoint.
pub(super) fn parameters(path: &str) -> Option<&'static [&'static str]> {
    Some(match path {
        "/streams" => &["user_id", "user_login", "game_id", "type", "language", "first", "before", "after"],
        "/channels" => &["broadcaster_id"],
        "/games" => &["id", "name", "igdb_id"],
        "/games/top" => &["first", "before", "after"],
        "/users" => &["id", "login"],
        _ => return None,
    })
}

/// Answers a `GET` of the path below `/helix`.
pub(super) fn answer(path: &str, call: &Call<'_>) -> Reply {
    let answered = match path {
        "/streams" => streams::streams(call),
        "/channels" => channels::channels(call),
        "/games" => games::games(call),
        "/games/top" => games::top(call),
        "/users" => users::users(call),
        _ => return Reply::helix(StatusCode::NOT_FOUND, "not found"),
    };
    answered.unwrap_or_else(|message| Reply::bad_request(&message))
}
