//! `GET /sim/truth/sessions?from=&to=`.

use serde_json::{Value, json};

use super::super::clock::rfc3339;
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::world::World;
use super::span::span;

/// Every broadcast that is live at any time in `from..to`.
pub(super) fn sessions(world: &World, query: &Query, now: i64) -> Result<Reply, String> {
    let (from, to) = span(query, now)?;
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
