//! `GET /sim/truth/switches?from=&to=`.

use serde_json::{Value, json};

use super::super::clock::rfc3339;
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::world::World;
use super::span::span;

/// Every change of a broadcast's category in `from..to`, by time.
pub(super) fn switches(world: &World, query: &Query, now: i64) -> Result<Reply, String> {
    let (from, to) = span(query, now)?;
    let mut found = Vec::new();
    for session in world.channels.iter().flat_map(|channel| world.schedule.between(channel, from, to)) {
        let mut at = world.next_segment(&session, session.start.max(from - 1));
        while at < session.end.min(to) {
            let (before, after) = (world.game(&session, at - 1), world.game(&session, at));
            if before != after {
                found.push((at, session, before, after));
            }
            at = world.next_segment(&session, at);
        }
    }
    found.sort_by_key(|(at, session, ..)| (*at, session.id));
    let id = |game: Option<u32>| game.map_or("", |rank| world.catalog.id(rank));
    let data: Vec<Value> = found
        .into_iter()
        .map(|(at, session, before, after)| {
            let channel = world.channel(&session);
            json!({
                "at": rfc3339(at),
                "id": session.id.to_string(),
                "user_id": channel.user_id,
                "user_login": channel.login,
                "from_game_id": id(before),
                "to_game_id": id(after),
            })
        })
        .collect();
    Ok(Reply::json(&json!({ "from": rfc3339(from), "to": rfc3339(to), "data": data })))
}
