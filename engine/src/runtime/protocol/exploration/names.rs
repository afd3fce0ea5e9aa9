//! Names that do not matter: worlds that differ only in how generations and contents are called are one.

use super::disk::{Contents, EPOCHS, Runs, run};

/// How many generations there can be at most.
const GENERATIONS: usize = 8;

/// Gives generations their rank, and contents of an epoch numbers in the order in which they are met.
pub(super) struct Names {
    ranks: [u8; GENERATIONS + 1],
    met: [[u8; GENERATIONS + 1]; EPOCHS + 1],
    count: [u8; EPOCHS + 1],
}

impl Names {
    /// Knows these generations, one bit each.
    pub(super) fn new(generations: u16) -> Self {
        let mut names = Self { ranks: Default::default(), met: Default::default(), count: Default::default() };
        names.know(generations);
        names
    }

    /// Ranks these generations from now on.
    pub(super) fn know(&mut self, generations: u16) {
        let mut rank = 0;
        for (generation, place) in self.ranks.iter_mut().enumerate().skip(1) {
            rank += u8::from(generations & (1 << generation) != 0);
            *place = rank;
        }
    }

    pub(super) fn generation(&self, generation: u8) -> u8 {
        self.ranks[usize::from(generation)]
    }

    pub(super) fn content(&mut self, epoch: usize, content: u8) -> u8 {
        if content == 0 {
            return 0;
        }
        let place = &mut self.met[epoch][usize::from(content)];
        if *place == 0 {
            self.count[epoch] += 1;
            *place = self.count[epoch];
        }
        *place
    }

    pub(super) fn contents(&mut self, contents: &Contents, bytes: &mut Vec<u8>) {
        for (epoch, content) in contents.iter().enumerate().skip(1) {
            let name = self.content(epoch, *content);
            bytes.push(name);
        }
    }

    pub(super) fn runs(&self, runs: Runs, bytes: &mut Vec<u8>) {
        let mut named = 0;
        let mut left = runs;
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            left &= left - 1;
            named |= run(self.generation((bit / EPOCHS) as u8 + 1), (bit % EPOCHS) as u8 + 1);
        }
        bytes.extend_from_slice(&named.to_le_bytes());
    }
}
