//! Everything that the API can show: a pure function of (seed, virtual second), with memory only to be fast.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::audience::{Arrival, Audience};
use super::catalog::{Catalog, JUST_CHATTING};
use super::channel::{Channel, register};
use super::clock::rfc3339;
use super::raid::{Ground, Raid, Raids};
use super::random::{Purpose, Random};
use super::schedule::{Schedule, Session};
use super::snapshot::{Listed, Snapshot};
use super::text;

/// How many instants are remembered: the current one, and those of crawls that still page through an earlier one.
const REMEMBERED: usize = 4;

/// Channels, games and the answers about them.
#[derive(Debug)]
pub(super) struct World {
    random: Random,
    pub(super) catalog: Catalog,
    pub(super) channels: Vec<Channel>,
    pub(super) schedule: Schedule,
    pub(super) audience: Audience,
    raids: Raids,
    by_user_id: HashMap<String, u32>,
    by_login: HashMap<String, u32>,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    /// For each channel, what is listed.
    listed: Vec<Known>,
    snapshots: Vec<Arc<Snapshot>>,
}

/// What is listed of a channel from one second until another, and who comes to it by raids.
#[derive(Clone, Debug)]
struct Known {
    session: Option<Session>,
    from: i64,
    until: i64,
    arrivals: Vec<Arrival>,
}

/// A stream as `/helix/streams` describes it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StreamObject<'a> {
    pub(super) id: String,
    user_id: &'a str,
    user_login: &'a str,
    user_name: &'a str,
    game_id: &'a str,
    game_name: &'a str,
    r#type: &'static str,
    title: String,
    pub(super) viewer_count: u32,
    started_at: String,
    language: &'static str,
    thumbnail_url: String,
    tag_ids: Option<[&'static str; 0]>,
    tags: Option<Vec<&'static str>>,
    is_mature: bool,
}

impl World {
    pub(super) fn new(seed: u64, channels: u32) -> Self {
        let random = Random::new(seed);
        let catalog = Catalog::new(random);
        let channels = register(channels, random, &catalog);
        let places = |key: fn(&Channel) -> &String| channels.iter().map(|c| (key(c).clone(), c.index)).collect();
        let unknown = Known { session: None, from: i64::MAX, until: i64::MIN, arrivals: Vec::new() };
        let memory = Memory { listed: vec![unknown; channels.len()], snapshots: Vec::new() };
        Self {
            random,
            catalog,
            by_user_id: places(|channel| &channel.user_id),
            by_login: places(|channel| &channel.login),
            schedule: Schedule::new(random, channels.len() as u32),
            audience: Audience::new(random),
            raids: Raids::new(random, &channels),
            channels,
            memory: Mutex::new(memory),
        }
    }

    pub(super) fn user(&self, id: &str) -> Option<&Channel> {
        self.by_user_id.get(id).map(|index| &self.channels[*index as usize])
    }

    pub(super) fn login(&self, login: &str) -> Option<&Channel> {
        self.by_login.get(&login.to_ascii_lowercase()).map(|index| &self.channels[*index as usize])
    }

    pub(super) fn channel(&self, session: &Session) -> &Channel {
        &self.channels[session.channel as usize]
    }

    /// Viewers at `at`, as they truly are.
    pub(super) fn viewers(&self, session: &Session, at: i64) -> u32 {
        self.audience.viewers(self.channel(session), session, &self.arrivals(session, at), at)
    }

    /// Viewers as the API reports them at `at`.
    pub(super) fn reported(&self, session: &Session, at: i64) -> u32 {
        self.audience.reported(self.channel(session), session, &self.arrivals(session, at), at)
    }

    /// Who has come to a broadcast by raids up to `at`.
    pub(super) fn arrivals(&self, session: &Session, at: i64) -> Vec<Arrival> {
        self.raids.arrivals(self.ground(), session, at)
    }

    /// All raids in `from..to`, by time.
    pub(super) fn raids(&self, from: i64, to: i64) -> Vec<Raid> {
        self.raids.between(self.ground(), from, to)
    }

    fn ground(&self) -> Ground<'_> {
        Ground { channels: &self.channels, schedule: &self.schedule, audience: &self.audience }
    }

    /// The index at this second.
    pub(super) fn snapshot(&self, at: i64) -> Arc<Snapshot> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = memory.snapshots.iter().find(|snapshot| snapshot.at == at) {
            return Arc::clone(found);
        }
        let mut listed = Vec::new();
        for (channel, known) in self.channels.iter().zip(&mut memory.listed) {
            if !(known.from..known.until).contains(&at) {
                let (session, from, until) = self.schedule.listed(channel, at);
                let arrivals = session.map(|session| self.arrivals(&session, session.end)).unwrap_or_default();
                *known = Known { session, from, until, arrivals };
            }
            if let Some(session) = known.session {
                listed.push(Listed { session, score: self.audience.score(channel, &session, &known.arrivals, at) });
            }
        }
        let snapshot = Arc::new(Snapshot::new(at, listed));
        if memory.snapshots.len() == REMEMBERED {
            memory.snapshots.remove(0);
        }
        memory.snapshots.push(Arc::clone(&snapshot));
        snapshot
    }

    /// A stream as shown at `at`.
    pub(super) fn object(&self, session: &Session, at: i64) -> StreamObject<'_> {
        let channel = self.channel(session);
        let game = self.game(session, at);
        let fresh = at - session.start < 30;
        StreamObject {
            id: session.id.to_string(),
            user_id: &channel.user_id,
            user_login: &channel.login,
            user_name: if fresh { "" } else { channel.name(at) },
            game_id: game.map_or("", |rank| self.catalog.id(rank)),
            game_name: game.map_or("", |rank| self.catalog.name(rank, at)),
            r#type: "live",
            title: self.title(session, at),
            viewer_count: self.reported(session, at),
            started_at: rfc3339(session.start),
            language: channel.language,
            thumbnail_url: format!(
                "https://static-cdn.jtvnw.net/previews-ttv/live_user_{}-{{width}}x{{height}}.jpg",
                channel.login
            ),
            tag_ids: if fresh { None } else { Some([]) },
            tags: self.tags(session, channel),
            is_mature: false,
        }
    }

    /// The category at `at`: mostly the channel's own, often small talk at first, changed every 1.5 to 5.5 hours; none for one in a
    /// hundred.
    pub(super) fn game(&self, session: &Session, at: i64) -> Option<u32> {
        let segment = ((at - session.start) / self.pace(session)) as u64;
        let choice = self.random.draw(Purpose::Category, session.id, segment * 2).unit();
        match choice {
            _ if choice < 0.01 => None,
            _ if choice < 0.31 && segment == 0 => Some(JUST_CHATTING),
            _ if choice < 0.75 => Some(self.channel(session).home),
            _ => Some(self.catalog.pick(self.random.draw(Purpose::Category, session.id, segment * 2 + 1).unit())),
        }
    }

    /// When the category may change next after `at`.
    pub(super) fn next_segment(&self, session: &Session, at: i64) -> i64 {
        let pace = self.pace(session);
        session.start + ((at - session.start).div_euclid(pace) + 1) * pace
    }

    /// Seconds between changes of the category.
    fn pace(&self, session: &Session) -> i64 {
        5400 + self.random.draw(Purpose::Segment, session.id, 0).below(4 * 3600) as i64
    }

    pub(super) fn title(&self, session: &Session, at: i64) -> String {
        let pace = 3600 + self.random.draw(Purpose::TitlePace, session.id, 0).below(3 * 3600) as i64;
        text::title(self.random.draw(Purpose::Title, session.id, ((at - session.start) / pace) as u64))
    }

    pub(super) fn tags(&self, session: &Session, channel: &Channel) -> Option<Vec<&'static str>> {
        let draw = self.random.draw(Purpose::Tags, session.id, u64::from(channel.index));
        (!draw.chance(0.03)).then(|| text::tags(draw, |place| self.random.draw(Purpose::Tag, session.id, place)))
    }

    /// Categories by viewers at `at`, those without viewers after them in their usual order.
    pub(super) fn top_games(&self, at: i64) -> Vec<u32> {
        let mut viewers: BTreeMap<u32, u64> = BTreeMap::new();
        for listed in &self.snapshot(at).listed {
            if let Some(rank) = self.game(&listed.session, at) {
                let count = self.reported(&listed.session, at);
                *viewers.entry(rank).or_default() += u64::from(count);
            }
        }
        let mut ranks: Vec<u32> = viewers.keys().copied().filter(|rank| self.catalog.is_known(*rank)).collect();
        ranks.sort_by_key(|rank| (std::cmp::Reverse(viewers[rank]), *rank));
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_767_614_400;

    fn page(world: &World, at: i64) -> String {
        let snapshot = world.snapshot(at);
        let objects: Vec<_> = snapshot.listed.iter().map(|listed| world.object(&listed.session, at)).collect();
        serde_json::to_string(&objects).expect("objects are JSON")
    }

    #[test]
    fn the_same_seed_and_time_give_the_same_bytes_in_any_order_of_questions() {
        let (first, second) = (World::new(4, 600), World::new(4, 600));
        let early = page(&first, NOON);
        let late = page(&first, NOON + 7200);
        assert_eq!(page(&second, NOON + 7200), late);
        assert_eq!(page(&second, NOON), early);
        assert_ne!(early, late);
        assert_ne!(page(&World::new(5, 600), NOON), early);
    }

    #[test]
    fn every_threshold_is_spanned_at_every_hour() {
        for seed in [1, 2, 42] {
            let world = World::new(seed, 3000);
            for hour in 0..24 {
                let at = NOON + hour * 3600;
                let snapshot = world.snapshot(at);
                let mut viewers = [0; 5];
                let mut ages = [0; 3];
                for listed in &snapshot.listed {
                    let count = world.object(&listed.session, at).viewer_count;
                    viewers[[1000, 5000, 15_000, 25_000].iter().filter(|bound| count > **bound).count()] += 1;
                    let age = at - listed.session.start;
                    ages[[60, 100].iter().filter(|bound| age > **bound * 60).count()] += 1;
                }
                let live = snapshot.listed.len();
                assert!((250..800).contains(&live), "seed {seed} hour {hour}: {live} live");
                assert!(viewers.iter().all(|count| *count > 0), "seed {seed} hour {hour}: {viewers:?}");
                assert!(ages.iter().all(|count| *count > 10), "seed {seed} hour {hour}: {ages:?}");
            }
        }
    }

    #[test]
    fn a_day_holds_every_oddity() {
        let world = World::new(1, 3000);
        let all: String = (0..24).map(|hour| page(&world, NOON + hour * 3600)).collect();
        for odd in [
            "\"game_id\":\"\"",
            "\"tags\":null",
            "\"tags\":[]",
            "\"title\":\"\"",
            "\"user_name\":\"\"",
            "\"tag_ids\":null",
            "\"viewer_count\":0,",
            "\\n",
            "👨‍👩‍👧‍👦",
        ] {
            assert!(all.contains(odd), "{odd}");
        }
    }
}
