//! `GET /helix/channels`.

use serde_json::{Value, json};

use super::super::channel::Channel;
use super::super::reply::Reply;
use super::Call;

/// How channels are set up now, live or not, by `broadcaster_id`; unknown ones are left out.
pub(super) fn channels(call: &Call<'_>) -> Result<Reply, String> {
    let asked = call.query.all("broadcaster_id");
    if !(1..=100).contains(&asked.clone().count()) {
        return Err("The parameter \"broadcaster_id\" must have 1 to 100 values".into());
    }
    let data: Vec<Value> = asked.filter_map(|id| call.world.user(id)).map(|channel| describe(call, channel)).collect();
    Ok(Reply::json(&json!({ "data": data })))
}

/// A channel that is not live keeps the category, title and tags that it ended with.
fn describe(call: &Call<'_>, channel: &Channel) -> Value {
    let world = call.world;
    let latest = world.schedule.latest(channel, call.at).map(|session| (session, call.at.min(session.end - 1)));
    let game = latest.and_then(|(session, at)| world.game(&session, at));
    json!({
        "broadcaster_id": channel.user_id,
        "broadcaster_login": channel.login,
        "broadcaster_name": channel.name(call.at),
        "broadcaster_language": channel.language,
        "game_id": game.map_or("", |rank| world.catalog.id(rank)),
        "game_name": game.map_or("", |rank| world.catalog.name(rank, call.at)),
        "title": latest.map_or_else(String::new, |(session, at)| world.title(&session, at)),
        "delay": 0,
        "tags": latest.and_then(|(session, _)| world.tags(&session, channel)).unwrap_or_default(),
        "content_classification_labels": [],
        "is_branded_content": false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::query::Query;
    use super::super::super::world::World;
    use super::*;

    const NOON: i64 = 1_767_614_400;

    fn ask(world: &World, ids: &[&str]) -> Result<Value, String> {
        let query = Query::new(ids.iter().map(|id| ("broadcaster_id".into(), (*id).into())).collect());
        let reply = channels(&Call { world, query: &query, at: NOON, consistent: false })?;
        Ok(serde_json::from_str(&reply.body).expect("JSON"))
    }

    #[test]
    fn a_live_channel_says_what_its_stream_says_and_an_offline_one_how_it_ended() {
        let world = World::new(1, 300);
        let snapshot = world.snapshot(NOON);
        let session =
            &snapshot.listed.iter().find(|listed| listed.session.end > NOON).expect("someone is live").session;
        let stream = serde_json::to_value(world.object(session, NOON)).expect("JSON");
        let channel = &ask(&world, &[stream["user_id"].as_str().expect("text"), "1"]).expect("a page")["data"];
        assert_eq!(channel.as_array().map(Vec::len), Some(1));
        for (name, of_stream) in [
            ("broadcaster_id", "user_id"),
            ("broadcaster_login", "user_login"),
            ("broadcaster_name", "user_name"),
            ("game_id", "game_id"),
            ("game_name", "game_name"),
            ("title", "title"),
        ] {
            assert_eq!(channel[0][name], stream[of_stream], "{name}");
        }
        let offline = world.channels.iter().find(|c| world.schedule.between(c, NOON, NOON + 1).is_empty());
        let offline = &ask(&world, &[&offline.expect("someone is offline").user_id]).expect("a page")["data"][0];
        assert!(offline["game_id"].is_string() && offline["tags"].is_array());
    }

    #[test]
    fn one_to_a_hundred_channels_are_asked_for() {
        let world = World::new(1, 100);
        assert!(ask(&world, &[]).is_err());
        assert!(ask(&world, &["1"; 100]).is_ok());
        assert!(ask(&world, &["1"; 101]).is_err());
    }
}
