//! `GET /helix/games` and `GET /helix/games/top`.

use serde_json::{Value, json};

use super::super::cursor::{Place, by_offset};
use super::super::query::Asked;
use super::super::reply::Reply;
use super::super::world::World;
use super::Call;

/// Categories by id or name; unknown ones are left out.
pub(super) fn games(call: &Call<'_>) -> Result<Reply, String> {
    let query = call.query;
    let asked = query.all("id").count() + query.all("name").count() + query.all("igdb_id").count();
    if !(1..=100).contains(&asked) {
        return Err("The parameters \"id\", \"name\" and \"igdb_id\" must have 1 to 100 values together".into());
    }
    let catalog = &call.world.catalog;
    let ids = query.all("id").filter_map(|id| catalog.known_id(id));
    let names = query.all("name").filter_map(|name| catalog.known_name(name, call.at));
    let data: Vec<Value> = ids.chain(names).map(|rank| game(call.world, rank, call.at)).collect();
    Ok(Reply::json(&json!({ "data": data })))
}

/// Categories by viewers, by place; viewer numbers are not shown.
pub(super) fn top(call: &Call<'_>) -> Result<Reply, String> {
    let first = call.query.first()?;
    let ranks = call.world.top_games(call.at);
    let from = |start: usize| (start, start.saturating_add(first).min(ranks.len()));
    let (start, end) = match call.query.page()? {
        Asked::Top => from(0),
        Asked::After(Place::Offset(start)) => from(start),
        Asked::Before(Place::Offset(end)) => (end.saturating_sub(first), end.min(ranks.len())),
        Asked::After(Place::Nothing) | Asked::Before(Place::Nothing) => (ranks.len(), ranks.len()),
        Asked::After(Place::Score(_)) | Asked::Before(Place::Score(_)) => return Err("invalid cursor".into()),
    };
    let shown = ranks.get(start..end).unwrap_or_default();
    let data: Vec<Value> = shown.iter().map(|rank| game(call.world, *rank, call.at)).collect();
    let pagination = if end < ranks.len() { json!({ "cursor": by_offset(start, end) }) } else { json!({}) };
    Ok(Reply::json(&json!({ "data": data, "pagination": pagination })))
}

fn game(world: &World, rank: u32, at: i64) -> Value {
    let id = world.catalog.id(rank);
    json!({
        "id": id,
        "name": world.catalog.name(rank, at),
        "box_art_url": format!("https://static-cdn.jtvnw.net/ttv-boxart/{id}-{{width}}x{{height}}.jpg"),
        "igdb_id": if rank.is_multiple_of(3) { String::new() } else { (1000 + rank).to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::query::Query;
    use super::*;

    fn ask(world: &World, endpoint: fn(&Call<'_>) -> Result<Reply, String>, pairs: &[(&str, &str)]) -> Value {
        let query = Query::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        let reply = endpoint(&Call { world, query: &query, at: 1_767_614_400, consistent: false }).expect("a page");
        serde_json::from_str(&reply.body).expect("JSON")
    }

    #[test]
    fn the_top_list_pages_by_place_to_its_end() {
        let world = World::new(1, 3000);
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = ask(&world, top, &[("first", "15"), ("after", &cursor)]);
            names.extend(page["data"].as_array().expect("a list").iter().map(|game| game["name"].to_string()));
            match page["pagination"]["cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert!(names.len() > 30 && unique.len() == names.len());
        let third = ask(&world, top, &[("first", "15"), ("after", &by_offset(15, 30))]);
        let cursor = third["pagination"]["cursor"].as_str().expect("more follow");
        let second = ask(&world, top, &[("first", "15"), ("before", cursor)]);
        assert_eq!(second["data"], ask(&world, top, &[("first", "15"), ("after", &by_offset(0, 15))])["data"]);
    }

    #[test]
    fn games_are_found_by_id_and_name_and_unknown_ones_left_out() {
        let world = World::new(1, 100);
        let chess = ask(&world, games, &[("name", "Chess"), ("name", "No Such Game")]);
        let id = chess["data"][0]["id"].as_str().expect("text");
        assert_eq!(chess["data"].as_array().map(Vec::len), Some(1));
        assert_eq!(ask(&world, games, &[("id", id)])["data"][0]["name"], "Chess");
        assert!(games(&Call { world: &world, query: &Query::default(), at: 0, consistent: false }).is_err());
    }
}
