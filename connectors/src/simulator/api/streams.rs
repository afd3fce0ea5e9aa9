//! `GET /helix/streams`: keyset pages over a stale index, re-sorted by the count that is shown.

use std::collections::HashSet;

use serde::Serialize;

use super::super::cursor::{Place, ScorePlace, by_score};
use super::super::query::Asked;
use super::super::reply::Reply;
use super::super::snapshot::Listed;
use super::super::world::{StreamObject, World};
use super::Call;

/// The most values of one filter.
const VALUES_MAX: usize = 100;

#[derive(Serialize)]
struct Page<'a> {
    data: Vec<StreamObject<'a>>,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// One page. A page may be short, since streams that have ended are still in the index; only a page without a cursor is the last.
pub(super) fn streams(call: &Call<'_>) -> Result<Reply, String> {
    let first = call.query.first()?;
    let filter = Filter::read(call)?;
    let (score, upward, frozen) = match call.query.page()? {
        Asked::Top => (f64::INFINITY, false, None),
        Asked::After(Place::Score(place)) => (place.s, false, place.at),
        Asked::Before(Place::Score(place)) => (place.s, true, place.at),
        Asked::After(Place::Nothing) | Asked::Before(Place::Nothing) => return Ok(empty()),
        Asked::After(Place::Offset(_)) | Asked::Before(Place::Offset(_)) => return Err("invalid cursor".into()),
    };
    let at = frozen.unwrap_or(call.at);
    let snapshot = call.world.snapshot(at);
    let admitted = |listed: &&Listed| filter.admits(call.world, listed, at);
    let (ranked, more) = if upward {
        let mut ranked: Vec<&Listed> = snapshot.above(score).iter().rev().filter(admitted).take(first).collect();
        ranked.reverse();
        // The page that the cursor came from follows this one.
        (ranked, true)
    } else {
        let mut left = snapshot.below(score).iter().filter(admitted);
        (left.by_ref().take(first).collect(), left.next().is_some())
    };
    let cursor = match (ranked.first(), ranked.last()) {
        (Some(top), Some(bottom)) if more => {
            let frozen = call.consistent.then_some(at);
            Some(by_score(ScorePlace::new(top.score, frozen), ScorePlace::new(bottom.score, frozen)))
        }
        _ => None,
    };
    let mut data: Vec<StreamObject<'_>> = ranked
        .into_iter()
        .filter(|listed| listed.session.end > at)
        .map(|listed| call.world.object(&listed.session, at))
        .collect();
    data.sort_by_key(|stream| std::cmp::Reverse(stream.viewer_count));
    Ok(Reply::json(&Page { data, pagination: Pagination { cursor } }))
}

fn empty() -> Reply {
    Reply::json(&Page { data: Vec::new(), pagination: Pagination { cursor: None } })
}

/// What a call wants to see; kinds of filters are joined by AND, the values of one by OR.
struct Filter {
    languages: HashSet<String>,
    games: HashSet<String>,
    channels: Option<HashSet<u32>>,
}

impl Filter {
    fn read(call: &Call<'_>) -> Result<Self, String> {
        let query = call.query;
        if !matches!(query.one("type"), None | Some("all" | "live")) {
            return Err("The parameter \"type\" was malformed: the value must be one of \"all\", \"live\"".into());
        }
        for name in ["user_id", "user_login", "game_id", "language"] {
            if query.all(name).count() > VALUES_MAX {
                return Err(format!("The parameter \"{name}\" was malformed: at most {VALUES_MAX} values"));
            }
        }
        let ids: Option<Vec<u32>> = query
            .one("user_id")
            .map(|_| query.all("user_id").filter_map(|id| call.world.user(id)).map(|channel| channel.index).collect());
        let logins: Option<Vec<u32>> = query
            .one("user_login")
            .map(|_| {
                query.all("user_login").map(|login| call.world.login(login).map(|channel| channel.index)).collect()
            })
            .map(|found: Option<Vec<u32>>| found.ok_or("Malformed query params"))
            .transpose()?;
        let channels = match (ids, logins) {
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => Some(one.into_iter().collect()),
            (Some(ids), Some(logins)) => Some(ids.into_iter().filter(|index| logins.contains(index)).collect()),
        };
        Ok(Self {
            languages: query.all("language").map(str::to_owned).collect(),
            games: query.all("game_id").map(str::to_owned).collect(),
            channels,
        })
    }

    fn admits(&self, world: &World, listed: &Listed, at: i64) -> bool {
        let session = &listed.session;
        self.channels.as_ref().is_none_or(|channels| channels.contains(&session.channel))
            && (self.languages.is_empty() || self.languages.contains(world.channel(session).language))
            && (self.games.is_empty()
                || world.game(session, at).is_some_and(|rank| self.games.contains(world.catalog.id(rank))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::query::Query;
    use super::*;

    const NOON: i64 = 1_767_614_400;

    fn ask(world: &World, at: i64, consistent: bool, pairs: &[(&str, &str)]) -> serde_json::Value {
        let query = Query::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        let reply = streams(&Call { world, query: &query, at, consistent }).expect("a page");
        serde_json::from_str(&reply.body).expect("JSON")
    }

    /// Ids of all pages; time passes between them.
    fn crawl(world: &World, consistent: bool, first: &str, step: i64) -> (Vec<String>, Vec<usize>) {
        let (mut ids, mut sizes, mut cursor, mut at) = (Vec::new(), Vec::new(), String::new(), NOON);
        loop {
            let page = ask(world, at, consistent, &[("first", first), ("after", &cursor)]);
            let data = page["data"].as_array().expect("a list");
            sizes.push(data.len());
            ids.extend(data.iter().map(|stream| stream["id"].as_str().expect("text").to_owned()));
            match page["pagination"]["cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return (ids, sizes),
            }
            at += step;
        }
    }

    #[test]
    fn consistent_paging_shows_every_live_stream_once_and_short_pages_are_not_the_last() {
        let world = World::new(1, 3000);
        let (mut ids, sizes) = crawl(&world, true, "40", 30);
        let live = world.snapshot(NOON).listed.iter().filter(|listed| listed.session.end > NOON).count();
        assert_eq!(ids.len(), live);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), live);
        let busy = (0..200).any(|minute| {
            let mut at_minute = Vec::new();
            let mut cursor = String::new();
            loop {
                let page = ask(&world, NOON + minute * 60, false, &[("first", "100"), ("after", &cursor)]);
                at_minute.push(page["data"].as_array().expect("a list").len());
                match page["pagination"]["cursor"].as_str() {
                    Some(next) => cursor = next.to_owned(),
                    None => break,
                }
            }
            at_minute[..at_minute.len() - 1].iter().any(|size| *size < 100)
        });
        assert!(busy, "no short page in the middle of a crawl; {sizes:?}");
    }

    #[test]
    fn before_a_page_is_the_one_that_came_before_it() {
        let world = World::new(1, 3000);
        let onward = |cursor: &str| ask(&world, NOON, true, &[("first", "30"), ("after", cursor)]);
        let cursor = |page: &serde_json::Value| page["pagination"]["cursor"].as_str().map(str::to_owned);
        let first = onward("");
        let second = onward(&cursor(&first).expect("more follow"));
        let back = |page: &serde_json::Value| {
            ask(&world, NOON + 60, true, &[("first", "30"), ("before", &cursor(page).expect("a cursor"))])
        };
        assert_eq!(back(&second), first);
        let top = back(&first);
        assert_eq!((top["data"].as_array().map(Vec::len), cursor(&top)), (Some(0), None));
        let both = Query::new(vec![("after".into(), "x".into()), ("before".into(), "y".into())]);
        assert!(streams(&Call { world: &world, query: &both, at: NOON, consistent: true }).is_err());
    }

    #[test]
    fn a_moving_index_doubles_and_misses_streams() {
        let world = World::new(1, 3000);
        let (ids, _) = crawl(&world, false, "10", 60);
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert!(unique.len() < ids.len());
    }

    #[test]
    fn a_page_is_sorted_by_the_count_it_shows() {
        let world = World::new(1, 3000);
        let page = ask(&world, NOON, false, &[("first", "100")]);
        let counts: Vec<i64> =
            page["data"].as_array().expect("a list").iter().map(|s| s["viewer_count"].as_i64().expect("int")).collect();
        assert!(counts.is_sorted_by(|a, b| a >= b) && counts.len() > 90);
    }

    #[test]
    fn filters_are_joined_by_and_and_wrong_ones_are_refused() {
        let world = World::new(1, 3000);
        let page = ask(&world, NOON, false, &[("first", "100"), ("language", "de"), ("language", "fr")]);
        let languages: std::collections::BTreeSet<_> = page["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|s| s["language"].as_str().expect("text").to_owned())
            .collect();
        assert_eq!(languages.into_iter().collect::<Vec<_>>(), ["de", "fr"]);
        let none = ask(&world, NOON, false, &[("user_id", "1")]);
        assert_eq!(none["data"].as_array().map(Vec::len), Some(0));
        for (pair, message) in [
            (("user_login", "nobody"), "Malformed query params"),
            (("after", "zzz"), "invalid cursor"),
            (("type", "vod"), "type"),
        ] {
            let query = Query::new(vec![(pair.0.into(), pair.1.into())]);
            let refused =
                streams(&Call { world: &world, query: &query, at: NOON, consistent: false }).expect_err(message);
            assert!(refused.contains(message), "{refused}");
        }
    }
}
