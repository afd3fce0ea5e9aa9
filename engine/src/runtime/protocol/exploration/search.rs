//! Breadth first through all worlds: what is found first is found on a shortest way.

use std::collections::HashSet;

use foldhash::fast::FixedState;
use xxhash_rust::xxh3::xxh3_64;

use super::mutation::Rules;
use super::world::{Action, Violation, World};

/// What was found.
pub(super) struct Found {
    /// How many worlds there are.
    pub(super) worlds: usize,
    /// How many actions were taken.
    pub(super) actions: usize,
    /// How many actions the longest of the shortest ways has.
    pub(super) depth: usize,
    /// What must not be, and how it came to that.
    pub(super) violation: Option<(Violation, Vec<Action>)>,
}

struct Search<'a> {
    rules: &'a Rules,
    /// Fingerprints of the worlds that are known.
    known: HashSet<u64, FixedState>,
    /// Fingerprints of what was checked outside of instances.
    checked: HashSet<u64, FixedState>,
    /// From which world each came, and by what.
    ways: Vec<(u32, Action)>,
    bytes: Vec<u8>,
    actions: usize,
}

/// Explores all worlds within the bounds, or until something is found that must not be.
pub(super) fn explore(rules: &Rules) -> Found {
    let mut search = Search {
        rules,
        known: HashSet::default(),
        checked: HashSet::default(),
        ways: vec![(0, Action::Start)],
        bytes: Vec::new(),
        actions: 0,
    };
    let mut level = vec![(0, World::new(rules.bounds))];
    let mut depth = 0;
    let mut violation = None;
    while !level.is_empty() && violation.is_none() {
        let mut next = Vec::new();
        for (at, world) in &level {
            if let Err((why, last)) = search.expand(*at, world, &mut next) {
                let mut way = search.way(*at);
                way.extend(last);
                violation = Some((why, way));
                break;
            }
        }
        level = next;
        depth += usize::from(!level.is_empty());
    }
    Found { worlds: search.ways.len(), actions: search.actions, depth, violation }
}

impl Search<'_> {
    fn expand(
        &mut self,
        at: u32,
        world: &World,
        next: &mut Vec<(u32, World)>,
    ) -> Result<(), (Violation, Option<Action>)> {
        let mut actions = Vec::new();
        world.progress(self.rules, &mut actions);
        if actions.is_empty() {
            world.check_end(self.rules).map_err(|why| (why, None))?;
        }
        world.faults(self.rules, &mut actions);
        for action in actions {
            self.actions += 1;
            let then = world.take(action, self.rules).map_err(|why| (why, Some(action)))?;
            if !self.is_new(&then) {
                continue;
            }
            if self.is_new_outside(&then) {
                then.check(self.rules).map_err(|why| (why, Some(action)))?;
            }
            next.push((self.ways.len() as u32, then));
            self.ways.push((at, action));
        }
        Ok(())
    }

    fn is_new(&mut self, world: &World) -> bool {
        self.bytes.clear();
        world.encode(&mut self.bytes);
        self.known.insert(xxh3_64(&self.bytes))
    }

    fn is_new_outside(&mut self, world: &World) -> bool {
        self.bytes.clear();
        world.encode_outside(&mut self.bytes);
        self.checked.insert(xxh3_64(&self.bytes))
    }

    fn way(&self, mut at: u32) -> Vec<Action> {
        let mut way = Vec::new();
        while at > 0 {
            let (before, action) = self.ways[at as usize];
            way.push(action);
            at = before;
        }
        way.reverse();
        way
    }
}
