//! Registered channels: what stays the same about each.

use super::catalog::Catalog;
use super::random::{Draw, Purpose, Random, normal_quantile};
use super::text;

/// Languages with their share of channels and the UTC hour at which most of their channels are live. Shares as measured on the real
/// top page.
pub(super) const LANGUAGES: &[(&str, f64, f64)] = &[
    ("en", 0.43, 21.0),
    ("de", 0.11, 19.0),
    ("ru", 0.10, 17.0),
    ("fr", 0.07, 19.5),
    ("es", 0.06, 21.0),
    ("pl", 0.06, 18.5),
    ("pt", 0.04, 23.0),
    ("ko", 0.04, 12.5),
    ("ja", 0.03, 12.0),
    ("it", 0.02, 19.5),
    ("tr", 0.02, 18.0),
    ("zh", 0.01, 12.5),
    ("other", 0.01, 15.0),
];

/// Viewers at the best hour of the largest channels, from the first to the last of them: the head of the real list is heavier than a
/// log-normal distribution, and falls about as a power of the rank.
const HEAD: (f64, f64) = (100_000.0, 12_000.0);
/// The largest size if all were log-normal.
const LARGEST: f64 = 90_000.0;
/// The spread of the log-normal distribution of sizes.
const SPREAD: f64 = 2.6;
/// The largest channels, whose favourite hours are spread evenly over the day so that some are live at any time.
const SPREAD_OVER_DAY: u32 = 64;

/// One registered channel.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    /// Its place in the world.
    pub(super) index: u32,
    /// Viewers at its best hour.
    pub(super) size: f64,
    pub(super) language: &'static str,
    /// Seconds after midnight UTC around which it is live, and around which its language watches.
    pub(super) favourite: i64,
    pub(super) prime: i64,
    /// The game it mostly plays: a rank in the catalog.
    pub(super) home: u32,
    /// Whether it streams round the clock and is cut at 48 hours.
    pub(super) perpetual: bool,
    pub(super) user_id: String,
    pub(super) login: String,
    display_name: String,
    /// Another display name, and the seconds after which the owner changes from one to the other.
    renamed: Option<(String, i64)>,
    pub(super) created_at: i64,
}

/// All channels of a world. Sizes are quantiles of a log-normal distribution dealt out in a random order, so that a small world too
/// has channels of every size.
pub(super) fn register(count: u32, random: Random, catalog: &Catalog) -> Vec<Channel> {
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_by_key(|index| random.draw(Purpose::Size, u64::from(*index), 0).bits());
    let mut ranks = vec![0; count as usize];
    for (rank, index) in (0..count).zip(order) {
        ranks[index as usize] = rank;
    }
    (0..count).zip(ranks).map(|(index, rank)| channel(index, rank, count, random, catalog)).collect()
}

fn channel(index: u32, rank: u32, count: u32, random: Random, catalog: &Catalog) -> Channel {
    let key = u64::from(index);
    let draw = |purpose| random.draw(purpose, key, 0);
    let (language, prime_hour) = language(draw(Purpose::Language).unit());
    let prime = (prime_hour * 3600.0) as i64;
    let hour = if rank < SPREAD_OVER_DAY {
        f64::from(rank) * 24.0 * 0.618_034
    } else {
        prime_hour + 4.5 * draw(Purpose::Hour).normal()
    };
    let login = text::login(draw(Purpose::Login), index);
    let display_name = text::display_name(draw(Purpose::DisplayName), &login, language);
    Channel {
        index,
        size: size(rank, count, draw(Purpose::SizeShape).unit()),
        language,
        favourite: (hour.rem_euclid(24.0) * 3600.0) as i64,
        prime,
        home: catalog.pick(draw(Purpose::Home).unit()),
        perpetual: rank % 97 == 5 || draw(Purpose::Perpetual).chance(0.004),
        user_id: user_id(index, draw(Purpose::UserId).bits()),
        renamed: renamed(&display_name, &login, draw(Purpose::Rename)),
        display_name,
        login,
        created_at: 1_307_318_400 + draw(Purpose::Account).below(450_000_000) as i64,
    }
}

impl Channel {
    /// The display name at `at`.
    pub(super) fn name(&self, at: i64) -> &str {
        match &self.renamed {
            Some((other, period)) if at.div_euclid(*period) % 2 == 1 => other,
            _ => &self.display_name,
        }
    }
}

/// One owner in twenty-five changes the capitals of the name every one to ten days.
fn renamed(display_name: &str, login: &str, draw: Draw) -> Option<(String, i64)> {
    let capitals = login.to_uppercase();
    let other = if display_name == capitals { login.to_owned() } else { capitals };
    draw.chance(0.04).then(|| (other, 86_400 + (draw.bits() % (9 * 86_400)) as i64))
}

fn language(unit: f64) -> (&'static str, f64) {
    let mut left = unit;
    for (name, share, hour) in LANGUAGES {
        left -= share;
        if left < 0.0 {
            return (name, *hour);
        }
    }
    ("other", 15.0)
}

fn size(rank: u32, count: u32, shape: f64) -> f64 {
    let head = (count * 2 / 125).max(16);
    if rank < head {
        let place = (f64::from(rank) + shape) / f64::from(head);
        return HEAD.0 * (HEAD.1 / HEAD.0).powf(place);
    }
    let live = (f64::from(count) / 6.0).max(2.0);
    let centre = LARGEST.ln() - SPREAD * normal_quantile(1.0 - 0.5 / live);
    let quantile = normal_quantile(1.0 - (f64::from(rank) + 0.5) / f64::from(count));
    (centre + SPREAD * quantile).exp().min(HEAD.1)
}

/// Six to ten digits, unique: the low digits are the place in the world.
fn user_id(index: u32, bits: u64) -> String {
    let high = [1, 7, 48, 211, 620, 1_099, 9_310][(bits % 7) as usize];
    (high * 100_000 + 100_000 + u64::from(index)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_logins_are_unique_and_sizes_cover_every_scale() {
        let random = Random::new(3);
        let channels = register(3000, random, &Catalog::new(random));
        let ids: std::collections::BTreeSet<_> = channels.iter().map(|c| &c.user_id).collect();
        let logins: std::collections::BTreeSet<_> = channels.iter().map(|c| &c.login).collect();
        assert_eq!((ids.len(), logins.len()), (3000, 3000));
        for (low, high, least) in [(0.0, 1.0, 100), (1000.0, 5000.0, 80), (5000.0, 25_000.0, 30), (25_000.0, 1e9, 10)] {
            let found = channels.iter().filter(|c| (low..high).contains(&c.size)).count();
            assert!(found >= least, "{low}..{high}: {found}");
        }
        assert!(channels.iter().any(|c| c.display_name.to_lowercase() != c.login));
        let renamed = channels.iter().filter(|c| c.name(1_767_571_200) != c.name(1_767_571_200 + 86_400)).count();
        assert!((5..100).contains(&renamed), "{renamed} change their name in a day");
        let shares: f64 = LANGUAGES.iter().map(|language| language.1).sum();
        assert!((shares - 1.0).abs() < 1e-9);
    }
}
