//! `GET /sim/truth/watch_hours?game=&from=&to=`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::clock::rfc3339;
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::schedule::Session;
use super::super::world::World;
use super::span::span;

/// Seconds watched in one category.
#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    /// By the true counts at the middle of spans of at most five minutes.
    truly: f64,
    /// By the counts that the API reports: exact, since they change in steps.
    reported: f64,
    broadcasts: u32,
}

/// Hours watched in `from..to`, in each category or in those that `game` names by their ids; most watched first.
pub(super) fn watch_hours(world: &World, query: &Query, now: i64) -> Result<Reply, String> {
    let (from, to) = span(query, now)?;
    let mut games = BTreeMap::new();
    for session in world.channels.iter().flat_map(|channel| world.schedule.between(channel, from, to)) {
        watch(world, &session, from, to, &mut games);
    }
    let id = |game: Option<u32>| game.map_or("", |rank| world.catalog.id(rank));
    let wanted = |game: Option<u32>| query.one("game").is_none() || query.all("game").any(|asked| asked == id(game));
    let mut games: Vec<(Option<u32>, Watched)> = games.into_iter().filter(|(game, _)| wanted(*game)).collect();
    games.sort_by(|a, b| b.1.truly.total_cmp(&a.1.truly));
    let data: Vec<Value> = games
        .into_iter()
        .map(|(game, watched)| {
            json!({
                "game_id": id(game),
                "broadcasts": watched.broadcasts,
                "watch_hours": watched.truly / 3600.0,
                "reported_watch_hours": watched.reported / 3600.0,
            })
        })
        .collect();
    Ok(Reply::json(&json!({ "from": rfc3339(from), "to": rfc3339(to), "data": data })))
}

/// Adds what was watched of one broadcast in `from..to`.
fn watch(world: &World, session: &Session, from: i64, to: i64, games: &mut BTreeMap<Option<u32>, Watched>) {
    let (channel, audience) = (world.channel(session), &world.audience);
    let until = session.end.min(to);
    let arrivals = world.arrivals(session, until);
    let mut seen = Vec::new();
    let mut at = session.start.max(from);
    while at < until {
        let raid = arrivals.iter().map(|arrival| arrival.at).find(|raid| *raid > at).unwrap_or(i64::MAX);
        let ends = [world.next_segment(session, at), audience.next_refresh(session, at), raid, until];
        let next = ends.into_iter().fold(i64::MAX, i64::min);
        let seconds = (next - at) as f64;
        let game = world.game(session, at);
        let watched = games.entry(game).or_default();
        watched.truly += seconds * f64::from(audience.viewers(channel, session, &arrivals, at.midpoint(next)));
        watched.reported += seconds * f64::from(audience.reported(channel, session, &arrivals, at));
        if !seen.contains(&game) {
            seen.push(game);
            watched.broadcasts += 1;
        }
        at = next;
    }
}
