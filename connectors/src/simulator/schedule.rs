//! When each channel is live.

use super::channel::Channel;
use super::random::{Purpose, Random};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Twitch ends a broadcast after this time.
const LONGEST: i64 = 48 * HOUR;
/// 2016-01-01T00:00:00Z: stream ids count from here.
const ID_EPOCH: i64 = 1_451_606_400;
/// How many ids a second has.
const IDS_A_SECOND: u32 = 1000;

/// One broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Index of its channel.
    pub(super) channel: u32,
    /// The stream id: twelve digits, growing with the start, unique.
    pub(super) id: u64,
    /// First second.
    pub(super) start: i64,
    /// The second after the last.
    pub(super) end: i64,
    /// When lists begin to show it.
    pub(super) listed: i64,
    /// When lists no longer show it: a little after the end.
    pub(super) unlisted: i64,
}

/// Answers when channels are live. A channel has one slot a day (48 hours if it never stops) around its favourite hour, and one
/// broadcast a slot, which may crash and start anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    random: Random,
    /// Starts are rounded to this many seconds, to keep ids unique.
    grain: i64,
}

impl Schedule {
    pub(super) fn new(random: Random, channels: u32) -> Self {
        Self { random, grain: i64::from(channels.div_ceil(IDS_A_SECOND)) }
    }

    /// What lists show of a channel at `at`, and the span of time around it in which that stays so.
    pub(super) fn listed(&self, channel: &Channel, at: i64) -> (Option<Session>, i64, i64) {
        let slot = slot_of(channel, at);
        let mut before = None;
        let mut after = i64::MAX;
        for session in self.between_slots(channel, slot - 2, slot + 2) {
            if session.listed <= at {
                before = Some(session);
            } else {
                after = session.listed;
                break;
            }
        }
        match before {
            Some(session) if at < session.unlisted => {
                let until = session.unlisted.min(after);
                match self.flap(&session) {
                    Some((gone, _)) if at < gone => (before, session.listed, gone),
                    Some((gone, back)) if at < back => (None, gone, back),
                    Some((_, back)) => (before, back, until),
                    None => (before, session.listed, until),
                }
            }
            Some(session) => (None, session.unlisted, after),
            None => (None, i64::MIN, after),
        }
    }

    /// Three in ten broadcasts vanish from the lists once more in their first minute, and come back.
    fn flap(&self, session: &Session) -> Option<(i64, i64)> {
        let draw = |b| self.random.draw(Purpose::Flap, session.id, b);
        let gone = session.listed + 3 + draw(1).below(6) as i64;
        let back = (gone + 4 + draw(2).below(8) as i64).min(session.start + 60);
        draw(0).chance(0.3).then_some((gone, back))
    }

    /// All broadcasts of a channel that are live at any time in `from..to`.
    pub(super) fn between(&self, channel: &Channel, from: i64, to: i64) -> Vec<Session> {
        let mut sessions = self.between_slots(channel, slot_of(channel, from) - 2, slot_of(channel, to) + 2);
        sessions.retain(|session| session.start < to && session.end > from);
        sessions
    }

    /// The last broadcasts of those slots of a channel that are `chosen`, if they end in `from..to`. A broadcast that crashes is not
    /// the last one of its slot.
    pub(super) fn ending(&self, channel: &Channel, from: i64, to: i64, chosen: impl Fn(i64) -> bool) -> Vec<Session> {
        let slots = (slot_of(channel, from) - 1..=slot_of(channel, to)).filter(|slot| chosen(*slot));
        let last = slots.filter_map(|slot| self.of_slot(channel, slot).into_iter().flatten().last());
        last.filter(|session| (from..to).contains(&session.end)).collect()
    }

    /// The broadcast that began last, at `at` or before: the one that is live, or the one that ended.
    pub(super) fn latest(&self, channel: &Channel, at: i64) -> Option<Session> {
        let slot = slot_of(channel, at);
        self.between_slots(channel, slot - 2, slot + 1).into_iter().rev().find(|session| session.start <= at)
    }

    fn between_slots(&self, channel: &Channel, first: i64, last: i64) -> Vec<Session> {
        (first..=last).flat_map(|slot| self.of_slot(channel, slot)).flatten().collect()
    }

    fn of_slot(&self, channel: &Channel, slot: i64) -> [Option<Session>; 2] {
        let draw = |purpose| self.random.draw(purpose, u64::from(channel.index), slot as u64);
        let start = self.slot_start(channel, slot);
        let next = self.slot_start(channel, slot + 1);
        let end = if channel.perpetual {
            (start + LONGEST).min(next - 60)
        } else {
            (start + length(channel, draw(Purpose::Length).normal())).min(next - 600)
        };
        if !draw(Purpose::Crash).chance(0.02) {
            return [Some(self.session(channel, start, end)), None];
        }
        let crash = start + ((end - start) as f64 * (0.1 + 0.8 * draw(Purpose::CrashAt).unit())) as i64;
        let again = self.round(channel, crash + 20 + draw(Purpose::Restart).below(70) as i64);
        if crash - start < 120 || end - again < 120 {
            return [Some(self.session(channel, start, end)), None];
        }
        [Some(self.session(channel, start, crash)), Some(self.session(channel, again, end))]
    }

    fn slot_start(&self, channel: &Channel, slot: i64) -> i64 {
        let draw = self.random.draw(Purpose::Start, u64::from(channel.index), slot as u64);
        let offset = if channel.perpetual {
            draw.below(600) as i64
        } else {
            let before_favourite = length_median(channel) / 2;
            let hours = if channel.size > 5000.0 { 1.0 } else { 2.5 };
            let spread = (hours * draw.normal() * HOUR as f64) as i64;
            (DAY / 2 - before_favourite + spread).clamp(2 * HOUR, 20 * HOUR)
        };
        self.round(channel, slot_begin(channel, slot) + offset)
    }

    /// Each thousand channels has seconds of its own to start in.
    fn round(&self, channel: &Channel, second: i64) -> i64 {
        second.div_euclid(self.grain) * self.grain + i64::from(channel.index / IDS_A_SECOND)
    }

    fn session(&self, channel: &Channel, start: i64, end: i64) -> Session {
        let id = (start - ID_EPOCH) as u64 * u64::from(IDS_A_SECOND) + u64::from(channel.index % IDS_A_SECOND);
        let delay = self.random.draw(Purpose::ListDelay, id, 0).below(40) as i64;
        let linger = self.random.draw(Purpose::ListDelay, id, 1).below(60) as i64;
        Session { channel: channel.index, id, start, end, listed: start + 5 + delay, unlisted: end + linger }
    }
}

fn slot_length(channel: &Channel) -> i64 {
    if channel.perpetual { LONGEST } else { DAY }
}

fn slot_begin(channel: &Channel, slot: i64) -> i64 {
    slot * slot_length(channel) + channel.favourite - DAY / 2
}

fn slot_of(channel: &Channel, at: i64) -> i64 {
    (at - channel.favourite + DAY / 2).div_euclid(slot_length(channel))
}

/// Larger channels stream longer; the typical one 2.7 hours.
fn length_median(channel: &Channel) -> i64 {
    if channel.size > 5000.0 {
        8 * HOUR
    } else if channel.size > 1000.0 {
        5 * HOUR
    } else {
        27 * HOUR / 10
    }
}

/// Log-normal with a spread of 0.75 (0.4 for large channels), from 5 minutes to 48 hours.
fn length(channel: &Channel, normal: f64) -> i64 {
    let spread = if channel.size > 1000.0 { 0.4 } else { 0.75 };
    ((length_median(channel) as f64 * (spread * normal).exp()) as i64).clamp(300, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::super::channel::register;
    use super::*;

    #[test]
    fn broadcasts_of_a_channel_do_not_overlap_and_ids_are_unique() {
        let random = Random::new(5);
        let schedule = Schedule::new(random, 2500);
        let mut ids = std::collections::BTreeSet::new();
        let (from, to) = (1_767_571_200, 1_767_571_200 + 4 * DAY);
        for channel in &register(2500, random, &Catalog::new(random)) {
            let sessions = schedule.between(channel, from, to);
            for pair in sessions.windows(2) {
                assert!(pair[0].end < pair[1].start, "{pair:?}");
            }
            for session in sessions {
                assert!((60..=LONGEST).contains(&(session.end - session.start)), "{session:?}");
                assert!(ids.insert(session.id), "{session:?}");
                assert_eq!(session.id.to_string().len(), 12);
            }
        }
        assert!(ids.len() > 8000);
    }

    #[test]
    fn what_is_listed_stays_so_within_the_span_and_changes_at_its_ends() {
        let random = Random::new(5);
        let schedule = Schedule::new(random, 300);
        for channel in &register(300, random, &Catalog::new(random)) {
            let (shown, from, until) = schedule.listed(channel, 1_767_600_000);
            for at in [from, until - 1] {
                assert_eq!(schedule.listed(channel, at).0, shown, "{channel:?}");
            }
            assert_ne!(schedule.listed(channel, until).0, shown, "{channel:?}");
        }
    }
    #[test]
    fn some_broadcasts_flap_in_their_first_minute_and_some_crash_and_start_anew() {
        let random = Random::new(5);
        let schedule = Schedule::new(random, 1000);
        let (mut all, mut flapping, mut anew) = (0, 0, 0);
        for channel in &register(1000, random, &Catalog::new(random)) {
            let sessions = schedule.between(channel, 1_767_571_200, 1_767_571_200 + DAY);
            all += sessions.len();
            anew += sessions.windows(2).filter(|pair| pair[1].start - pair[0].end <= 90).count();
            for session in sessions {
                let is_shown = |at: &i64| schedule.listed(channel, *at).0 == Some(session);
                let shown: Vec<bool> = (session.listed..session.start + 61).map(|at| is_shown(&at)).collect();
                assert!(shown[0] && shown[shown.len() - 1], "{session:?}");
                flapping += usize::from(shown.contains(&false));
            }
        }
        assert!((all / 5..all * 2 / 5).contains(&flapping), "{flapping} of {all}");
        assert!((all / 200..all / 25).contains(&anew), "{anew} of {all}");
    }
}
