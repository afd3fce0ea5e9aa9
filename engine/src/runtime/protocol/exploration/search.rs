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
        if world.is_calm() {
            let first = actions.first().copied();
            actions.retain(|action| first.is_some_and(|first| first.is_of_kind(action)));
        }
        world.awakening(self.rules, &mut actions);
        world.faults(self.rules, &mut actions);
        for action in actions {
            self.actions += 1;
            let then = world.take(action, self.rules).map_err(|why| (why, Some(action)))?;
            let (is_new, is_new_outside) = self.is_new(&then);
            if !is_new {
                continue;
            }
            if is_new_outside {
                then.check(self.rules).map_err(|why| (why, Some(action)))?;
            }
            next.push((self.ways.len() as u32, then));
            self.ways.push((at, action));
        }
        Ok(())
    }

    /// Whether a world is new, and whether what is outside of instances is.
    fn is_new(&mut self, world: &World) -> (bool, bool) {
        self.bytes.clear();
        let outside = world.encode(&mut self.bytes);
        let is_new = self.known.insert(xxh3_64(&self.bytes));
        (is_new, is_new && self.checked.insert(xxh3_64(&self.bytes[..outside])))
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
