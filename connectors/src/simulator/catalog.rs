//! The categories that streams are listed in.

use super::random::{Purpose, Random};

/// How many categories have viewers.
const COUNT: u32 = 200;
/// The category that is renamed at noon and again at midnight.
const RENAMED: u32 = 7;
/// A category that streams name and `/games` does not know.
const UNLISTED: u32 = 23;
/// Where "Just Chatting" stands.
pub(super) const JUST_CHATTING: u32 = 0;

const NAMES: &[&str] = &[
    "Just Chatting",
    "League of Legends",
    "Grand Theft Auto V",
    "Counter-Strike",
    "VALORANT",
    "Dota 2",
    "Minecraft",
    "Starfall Arena",
    "Fortnite",
    "World of Warcraft",
    "Apex Legends",
    "Call of Duty: Warzone",
    "Rocket League",
    "Path of Exile 2",
    "Escape from Tarkov",
    "Overwatch 2",
    "Dead by Daylight",
    "ELDEN RING",
    "Rust",
    "Pokémon GO",
    "Music",
    "Special Events",
    "Chess",
    "Unlisted Prototype",
    "ASMR",
    "Software and Game Development",
    "雀魂",
    "Teamfight Tactics",
    "Street Fighter 6",
    "Hearthstone",
    "Old School RuneScape",
    "I'm Only Sleeping",
    "Sports",
    "Slots",
    "Art",
    "Tetris® Effect",
    "Baldur's Gate 3",
    "Factorio",
    "Age of Empires II: Definitive Edition",
    "Геркулес",
];

/// All categories, by popularity.
#[derive(Clone, Debug)]
pub(super) struct Catalog {
    games: Vec<(String, String)>,
    /// Cumulative shares for [`Catalog::pick`].
    cumulative: Vec<f64>,
}

impl Catalog {
    pub(super) fn new(random: Random) -> Self {
        let games = (0..COUNT).map(|rank| (id(rank, random), name(rank))).collect();
        let mut total = 0.0;
        let mut cumulative: Vec<f64> = (1..=COUNT)
            .map(|rank| {
                let rank = f64::from(rank);
                total += if rank <= 20.0 { 1.0 / rank } else { 20_f64.powf(0.3) / rank.powf(1.3) };
                total
            })
            .collect();
        cumulative.iter_mut().for_each(|share| *share /= total);
        Self { games, cumulative }
    }

    /// A category's rank, drawn by popularity (Zipf, exponent 1.0 for the first twenty, then 1.3).
    pub(super) fn pick(&self, unit: f64) -> u32 {
        (self.cumulative.partition_point(|share| *share < unit) as u32).min(COUNT - 1)
    }

    pub(super) fn id(&self, rank: u32) -> &str {
        &self.games[rank as usize].0
    }

    /// Its name at `at`: one category is renamed twice a day.
    pub(super) fn name(&self, rank: u32, at: i64) -> &str {
        if rank == RENAMED && at.div_euclid(43_200) % 2 == 1 {
            "Starfall Arena: Reborn"
        } else {
            &self.games[rank as usize].1
        }
    }

    /// The rank of the category with this id, if `/games` knows it.
    pub(super) fn known_id(&self, id: &str) -> Option<u32> {
        (0..COUNT).find(|rank| *rank != UNLISTED && self.id(*rank) == id)
    }

    /// The rank of the category with this name at `at`, if `/games` knows it.
    pub(super) fn known_name(&self, name: &str, at: i64) -> Option<u32> {
        (0..COUNT).find(|rank| *rank != UNLISTED && self.name(*rank, at) == name)
    }

    /// Whether `/games` and `/games/top` show it.
    pub(super) fn is_known(&self, rank: u32) -> bool {
        rank != UNLISTED
    }
}

/// Four to ten digits, unique.
fn id(rank: u32, random: Random) -> String {
    let draw = random.draw(Purpose::GameId, u64::from(rank), 0);
    let id = match draw.below(10) {
        0 => 2_000_000_000 + u64::from(rank) * 10_007,
        1..=4 => 1_000 * (u64::from(rank) + 1) + draw.bits() % 1_000,
        _ => 400_000 + 1_000 * u64::from(rank) + draw.bits() % 1_000,
    };
    id.to_string()
}

fn name(rank: u32) -> String {
    match NAMES.get(rank as usize) {
        Some(name) => (*name).to_owned(),
        None => format!("Indie Collection Vol. {}", rank + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_unique_and_the_head_is_heavy() {
        let catalog = Catalog::new(Random::new(1));
        let ids: std::collections::BTreeSet<_> = (0..COUNT).map(|rank| catalog.id(rank)).collect();
        let names: std::collections::BTreeSet<_> = (0..COUNT).map(|rank| catalog.name(rank, 0)).collect();
        assert_eq!((ids.len(), names.len()), (COUNT as usize, COUNT as usize));
        assert!(catalog.cumulative[0] > 0.1 && catalog.cumulative[9] > 0.4);
        assert_eq!(catalog.pick(1.0), COUNT - 1);
    }

    #[test]
    fn one_category_is_renamed_and_one_is_unknown() {
        let catalog = Catalog::new(Random::new(1));
        assert_ne!(catalog.name(RENAMED, 0), catalog.name(RENAMED, 43_200));
        assert_eq!(catalog.known_id(catalog.id(UNLISTED)), None);
        assert_eq!(catalog.known_name("Chess", 0), Some(22));
    }
}
