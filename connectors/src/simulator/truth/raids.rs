//! `GET /sim/truth/raids?from=&to=`.

use serde_json::{Value, json};

use super::super::clock::rfc3339;
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::world::World;
use super::span::span;

/// Every raid in `from..to`, by time: who sent how many viewers to whom.
pub(super) fn raids(world: &World, query: &Query, now: i64) -> Result<Reply, String> {
    let (from, to) = span(query, now)?;
    let data: Vec<Value> = world
        .raids(from, to)
        .iter()
        .map(|raid| {
            let (sender, target) = (world.channel(&raid.from), world.channel(&raid.to));
            json!({
                "at": rfc3339(raid.from.end),
                "from_id": raid.from.id.to_string(),
                "from_user_id": sender.user_id,
                "from_user_login": sender.login,
                "to_id": raid.to.id.to_string(),
                "to_user_id": target.user_id,
                "to_user_login": target.login,
                "viewers": raid.viewers,
            })
        })
        .collect();
    Ok(Reply::json(&json!({ "from": rfc3339(from), "to": rfc3339(to), "data": data })))
}
