//! The sums of the job: per game, per user and per bucket, over names in one compact place, so that comparing them stays in the cache.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::layout::Row;

/// The sum of viewers and the number of rows of one name.
#[derive(Clone, Copy)]
pub struct Sum {
    hash: u64,
    start: u32,
    length: u32,
    pub viewers: i64,
    pub rows: i64,
}

/// Sums by name.
#[derive(Default)]
pub struct Sums {
    hasher: FixedState,
    places: HashTable<u32>,
    sums: Vec<Sum>,
    names: Vec<u8>,
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, name: &[u8], viewers: i64, rows: i64) {
        let hash = self.hasher.hash_one(name);
        let (sums, names) = (&self.sums, &self.names);
        let same = |place: &u32| {
            let sum = &sums[*place as usize];
            sum.hash == hash && name == &names[sum.start as usize..][..sum.length as usize]
        };
        let place = match self.places.find(hash, same) {
            Some(place) => *place as usize,
            None => self.insert(hash, name),
        };
        let sum = &mut self.sums[place];
        sum.viewers += viewers;
        sum.rows += rows;
    }

    #[cold]
    fn insert(&mut self, hash: u64, name: &[u8]) -> usize {
        let place = self.sums.len();
        let sum = Sum { hash, start: self.names.len() as u32, length: name.len() as u32, viewers: 0, rows: 0 };
        self.names.extend_from_slice(name);
        self.sums.push(sum);
        let sums = &self.sums;
        self.places.insert_unique(hash, place as u32, |place| sums[*place as usize].hash);
        place
    }

    /// Every name with its sum.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Sum)> {
        self.sums.iter().map(|sum| (&self.names[sum.start as usize..][..sum.length as usize], *sum))
    }
}

/// Everything that one thread has counted.
#[derive(Default)]
pub struct Tally {
    pub games: Sums,
    pub users: Sums,
    /// High, Medium, Low.
    pub buckets: [i64; 3],
}

impl Tally {
    /// Counts a row that has passed the filter.
    #[inline(always)]
    pub fn add(&mut self, row: &Row<'_>) {
        let bucket = 2 - usize::from(row.viewers > 15_000) - usize::from(row.viewers > 25_000);
        self.buckets[bucket] += 1;
        self.games.add(row.game, row.viewers, 1);
        self.users.add(row.user, row.viewers, 1);
    }

    /// Adds what another thread has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine += theirs;
        }
        for (mine, theirs) in [(&mut self.games, &other.games), (&mut self.users, &other.users)] {
            for (name, sum) in theirs.iter() {
                mine.add(name, sum.viewers, sum.rows);
            }
        }
    }
}
