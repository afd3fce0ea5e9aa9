//! Raids: a broadcast that ends may send its viewers to another one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;

use super::audience::{Arrival, Audience};
use super::channel::Channel;
use super::random::{Purpose, Random};
use super::schedule::{Schedule, Session};

const DAY: i64 = 86_400;
/// How many days of raids are remembered: more than one question about the past may touch.
const REMEMBERED: usize = 40;
/// How many broadcasts in one raid another when they end.
const SHARE: f64 = 0.25;
/// A target has at most so many times the size of the channel that raids it, and at least that part of it.
const RATIO: f64 = 10.0;
/// How many channels are looked at for one that is live.
const TRIES: usize = 64;
/// A target has been live for this many seconds, and stays so for twice as many.
const SETTLED: i64 = 300;

/// Viewers sent from a broadcast at its end to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raid {
    /// The broadcast that ends.
    pub(super) from: Session,
    /// The one that gets its viewers.
    pub(super) to: Session,
    /// How many arrive.
    pub(super) viewers: u32,
}

/// Answers who raids whom: a function of the seed alone, with memory only to be fast.
#[derive(Debug)]
pub(super) struct Raids {
    random: Random,
    /// Channels of each language, largest first.
    peers: HashMap<&'static str, Vec<u32>>,
    days: Mutex<BTreeMap<i64, Day>>,
}

/// What raids are found in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    pub(super) channels: &'a [Channel],
    pub(super) schedule: &'a Schedule,
    pub(super) audience: &'a Audience,
}

/// The raids of one day.
#[derive(Debug)]
struct Day {
    /// By time.
    raids: Vec<Raid>,
    /// By target, then by time.
    arrivals: HashMap<u64, Vec<Arrival>>,
}

impl Raids {
    pub(super) fn new(random: Random, channels: &[Channel]) -> Self {
        let mut peers: HashMap<&'static str, Vec<u32>> = HashMap::new();
        for channel in channels {
            peers.entry(channel.language).or_default().push(channel.index);
        }
        for peers in peers.values_mut() {
            peers.sort_by(|a, b| channels[*b as usize].size.total_cmp(&channels[*a as usize].size));
        }
        Self { random, peers, days: Mutex::default() }
    }

    /// All raids in `from..to`, by time.
    pub(super) fn between(&self, ground: Ground<'_>, from: i64, to: i64) -> Vec<Raid> {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for day in from.div_euclid(DAY)..=to.div_euclid(DAY) {
            let raids = &self.day(&mut days, ground, day).raids;
            found.extend(raids.iter().filter(|raid| (from..to).contains(&raid.from.end)));
        }
        found
    }

    /// Who has come to a broadcast by raids up to `at`, by time.
    pub(super) fn arrivals(&self, ground: Ground<'_>, session: &Session, at: i64) -> Vec<Arrival> {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for day in session.start.div_euclid(DAY)..=at.min(session.end).div_euclid(DAY) {
            if let Some(arrivals) = self.day(&mut days, ground, day).arrivals.get(&session.id) {
                found.extend(arrivals.iter().filter(|arrival| arrival.at <= at));
            }
        }
        found
    }

    fn day<'d>(&self, days: &'d mut BTreeMap<i64, Day>, ground: Ground<'_>, day: i64) -> &'d Day {
        if days.len() >= REMEMBERED && !days.contains_key(&day) {
            let early = days.first_key_value().is_some_and(|first| *first.0 < day);
            let _ = if early { days.pop_first() } else { days.pop_last() };
        }
        days.entry(day).or_insert_with(|| self.find(ground, day * DAY))
    }

    fn find(&self, ground: Ground<'_>, from: i64) -> Day {
        let mut raids: Vec<Raid> = Vec::new();
        for channel in ground.channels.iter().filter(|channel| !channel.perpetual) {
            let chosen = |slot| self.random.draw(Purpose::Raid, u64::from(channel.index), slot as u64).chance(SHARE);
            let ended = ground.schedule.ending(channel, from, from + DAY, chosen);
            raids.extend(ended.into_iter().filter_map(|session| self.raid(ground, channel, &session)));
        }
        raids.sort_by_key(|raid| (raid.from.end, raid.from.id));
        let mut arrivals: HashMap<u64, Vec<Arrival>> = HashMap::new();
        for raid in &raids {
            let arrival = Arrival { at: raid.from.end, viewers: raid.viewers };
            arrivals.entry(raid.to.id).or_default().push(arrival);
        }
        Day { raids, arrivals }
    }

    /// The raid at the end of a broadcast, of the viewers that it had gathered itself.
    fn raid(&self, ground: Ground<'_>, channel: &Channel, session: &Session) -> Option<Raid> {
        let share = 0.5 + 0.4 * self.random.draw(Purpose::RaidShare, session.id, 0).unit();
        let viewers = (f64::from(ground.audience.own(channel, session, session.end - 1)) * share) as u32;
        if viewers == 0 {
            return None;
        }
        let to =
            self.target(ground, channel, session.end, self.random.draw(Purpose::RaidTarget, session.id, 0).unit())?;
        Some(Raid { from: *session, to, viewers })
    }

    /// A live broadcast of a channel of the same language and of like size.
    fn target(&self, ground: Ground<'_>, channel: &Channel, at: i64, unit: f64) -> Option<Session> {
        let size = |index: &u32| ground.channels[*index as usize].size;
        let peers = self.peers.get(channel.language)?;
        let first = peers.partition_point(|index| size(index) > channel.size * RATIO);
        let last = peers.partition_point(|index| size(index) >= channel.size / RATIO);
        let like = peers.get(first..last)?;
        let start = (unit * like.len() as f64) as usize;
        let tried = like.iter().cycle().skip(start).take(TRIES.min(like.len()));
        tried.filter(|index| **index != channel.index).find_map(|index| {
            let session = ground.schedule.latest(&ground.channels[*index as usize], at)?;
            (session.start <= at - SETTLED && session.end > at + 2 * SETTLED).then_some(session)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::world::World;

    const MIDNIGHT: i64 = 1_767_571_200;

    #[test]
    fn raids_go_to_live_channels_of_one_language_and_like_size() {
        let world = World::new(1, 3000);
        let raids = world.raids(MIDNIGHT, MIDNIGHT + super::DAY);
        assert!(raids.len() > 150, "{}", raids.len());
        for raid in &raids {
            let (from, to) = (world.channel(&raid.from), world.channel(&raid.to));
            assert_eq!(from.language, to.language);
            assert!((0.1..=10.0).contains(&(from.size / to.size)) && from.index != to.index);
            assert!(raid.to.start < raid.from.end && raid.from.end < raid.to.end);
            let gathered = f64::from(world.audience.own(from, &raid.from, raid.from.end - 1));
            assert!(f64::from(raid.viewers) <= 0.9 * gathered && f64::from(raid.viewers) + 1.0 > 0.5 * gathered);
        }
    }

    #[test]
    fn raids_are_the_same_in_any_order_of_questions() {
        let (first, second) = (World::new(1, 600), World::new(1, 600));
        let noon = MIDNIGHT + super::DAY / 2;
        let whole = first.raids(MIDNIGHT, MIDNIGHT + 2 * super::DAY);
        let late = second.raids(noon, MIDNIGHT + 2 * super::DAY);
        let early = second.raids(MIDNIGHT, noon);
        assert_eq!([early, late].concat(), whole);
    }

    #[test]
    fn viewers_arrive_at_the_next_refresh_of_the_target() {
        let world = World::new(1, 3000);
        let raids = world.raids(MIDNIGHT, MIDNIGHT + super::DAY);
        let raid = raids.iter().max_by_key(|raid| raid.viewers).expect("someone raids");
        let (at, to) = (raid.from.end, &raid.to);
        assert!(world.viewers(to, at) >= world.viewers(to, at - 1) + raid.viewers * 9 / 10);
        let own = |at| world.audience.reported(world.channel(to), to, &[], at);
        let refresh = (at..at + 600).find(|at| world.reported(to, *at) >= own(*at) + raid.viewers / 2);
        assert!(refresh.expect("they arrive") < at + super::super::audience::REFRESH);
    }
}
