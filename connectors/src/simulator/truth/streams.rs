//! `GET /sim/truth/streams?at=`.

use serde_json::{Value, json};

use super::super::clock::rfc3339;
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::world::World;
use super::span::instant;

/// Every stream that is live at the instant (now if none is given), whatever lists show.
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
                "viewers": world.viewers(&session, at),
                "viewer_count": world.reported(&session, at),
                "started_at": rfc3339(session.start),
            })
        })
        .collect();
    Ok(Reply::json(&json!({ "at": rfc3339(at), "data": data })))
}
