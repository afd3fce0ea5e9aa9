//! How many watch a broadcast: truly, as reported, and as the index ranks it.

use super::channel::Channel;
use super::random::{Purpose, Random};
use super::schedule::Session;

/// Seconds between refreshes of a reported count. Real counts change about every five minutes, at a phase of each stream's own.
pub(super) const REFRESH: i64 = 300;
/// Seconds between refreshes of the index, which is staler than the counts.
const INDEX_REFRESH: i64 = 600;
/// Seconds within which an audience mostly gathers.
const GATHER: f64 = 900.0;
/// Seconds between independent values of the noise, and its deviation.
const NOISE_STEP: i64 = 1800;
const NOISE: f64 = 0.12;

/// Seconds for which those who come by a raid mostly stay.
const STAY: f64 = 1800.0;

/// Viewers that came by a raid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// When.
    pub(super) at: i64,
    /// How many.
    pub(super) viewers: u32,
}

/// Computes counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Audience {
    random: Random,
}

impl Audience {
    pub(super) fn new(random: Random) -> Self {
        Self { random }
    }

    /// Viewers at `at`, as they truly are: those that the broadcast gathers itself, and those of raids that have not left again.
    pub(super) fn viewers(&self, channel: &Channel, session: &Session, arrivals: &[Arrival], at: i64) -> u32 {
        if at >= session.end {
            return 0;
        }
        let come = arrivals.iter().filter(|arrival| arrival.at <= at);
        let stayed = come.map(|arrival| f64::from(arrival.viewers) * (-((at - arrival.at) as f64) / STAY).exp());
        self.own(channel, session, at) + stayed.sum::<f64>() as u32
    }

    /// Viewers at `at` without those of raids.
    pub(super) fn own(&self, channel: &Channel, session: &Session, at: i64) -> u32 {
        if at < session.start || at >= session.end {
            return 0;
        }
        let age = (at - session.start) as f64;
        let gathered = 1.0 - (-age / GATHER).exp();
        let count =
            channel.size * gathered * time_of_day(channel, at) * self.noise(session, at) * self.burst(session, at);
        count as u32
    }

    /// The count that the API reports at `at`: the true one of its last refresh.
    pub(super) fn reported(&self, channel: &Channel, session: &Session, arrivals: &[Arrival], at: i64) -> u32 {
        let phase = self.refresh_phase(session);
        self.viewers(channel, session, arrivals, refreshed(at.min(session.end - 1), phase, REFRESH))
    }

    /// When the reported count is refreshed next after `at`.
    pub(super) fn next_refresh(&self, session: &Session, at: i64) -> i64 {
        refreshed(at, self.refresh_phase(session), REFRESH) + REFRESH
    }

    fn refresh_phase(&self, session: &Session) -> i64 {
        self.random.draw(Purpose::RefreshPhase, session.id, 0).below(REFRESH as u64) as i64
    }

    /// The score by which the index ranks the stream at `at`: the count reported at the index's last refresh and a fraction that stays.
    pub(super) fn score(&self, channel: &Channel, session: &Session, arrivals: &[Arrival], at: i64) -> f64 {
        let phase = self.random.draw(Purpose::IndexPhase, session.id, 0).below(INDEX_REFRESH as u64) as i64;
        // Nine digits: a double of at most fifteen digits outlives being written and read.
        let fraction = self.random.draw(Purpose::Fraction, session.id, 0).below(1_000_000_000) as f64 / 1e9;
        f64::from(self.reported(channel, session, arrivals, refreshed(at, phase, INDEX_REFRESH))) + fraction
    }

    /// Log-normal noise; between two steps it passes smoothly and keeps its deviation.
    fn noise(&self, session: &Session, at: i64) -> f64 {
        let step = at.div_euclid(NOISE_STEP);
        let angle = at.rem_euclid(NOISE_STEP) as f64 / NOISE_STEP as f64 * std::f64::consts::FRAC_PI_2;
        let value = |step: i64| self.random.draw(Purpose::Noise, session.id, step as u64).normal();
        (NOISE * (value(step) * angle.cos() + value(step + 1) * angle.sin())).exp()
    }

    /// One broadcast in five hundred is given false viewers from its second hour on.
    fn burst(&self, session: &Session, at: i64) -> f64 {
        let bought = self.random.draw(Purpose::Burst, session.id, 0).chance(0.002);
        if bought && at - session.start > 3600 { 5.0 } else { 1.0 }
    }
}

fn refreshed(at: i64, phase: i64, every: i64) -> i64 {
    (at - phase).div_euclid(every) * every + phase
}

/// From 0.6 to 1.0 around the language's prime time.
fn time_of_day(channel: &Channel, at: i64) -> f64 {
    let angle = (at - channel.prime) as f64 / 86_400.0 * std::f64::consts::TAU;
    0.8 + 0.2 * angle.cos()
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::super::channel::register;
    use super::super::schedule::Schedule;
    use super::*;

    #[test]
    fn a_reported_count_changes_at_most_once_in_five_minutes() {
        let random = Random::new(9);
        let channels = register(200, random, &Catalog::new(random));
        let audience = Audience::new(random);
        let large = channels.iter().max_by(|a, b| a.size.total_cmp(&b.size)).expect("someone is the largest");
        let from = 1_767_571_200;
        let session = Schedule::new(random, 200).between(large, from, from + 86_400)[0];
        let counts: Vec<u32> =
            (session.start..session.end).map(|at| audience.reported(large, &session, &[], at)).collect();
        let changes: Vec<usize> = (1..counts.len()).filter(|i| counts[*i] != counts[i - 1]).collect();
        assert!(changes.len() > 10);
        assert!(changes.windows(2).all(|pair| (pair[1] - pair[0]) % REFRESH as usize == 0));
        assert_eq!(audience.viewers(large, &session, &[], session.end), 0);
    }
}
