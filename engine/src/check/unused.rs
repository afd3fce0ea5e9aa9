//! Takes out of a draft what leads to no sink: an included file may define more than a pipeline shows.

use std::collections::BTreeSet;

use crate::plan::{At, Target};

use super::draft::{Draft, RegionDraft};

/// Removes sources, stateful operators, exits and steps from which no sink can be reached.
pub(super) fn remove(draft: &mut Draft) {
    let kept = used_nodes(draft);
    let place = |node: usize| kept.iter().position(|kept| *kept == node);
    let sources = draft.sources.iter_mut().map(|source| &mut source.region);
    let nodes = draft.nodes.iter_mut().map(|node| &mut node.region);
    for region in sources.chain(nodes) {
        region.exits.retain(|exit| match exit.target {
            Target::Node(node) => place(node).is_some(),
            Target::Sink(_) => true,
        });
        for exit in &mut region.exits {
            if let Target::Node(node) = exit.target {
                exit.target = Target::Node(place(node).unwrap_or(node));
            }
        }
        remove_steps(region);
    }
    let mut at = 0;
    draft.nodes.retain(|_| {
        at += 1;
        kept.contains(&(at - 1))
    });
    remove_sources(draft);
}

/// Removes the sources that nothing leads from; the clocks of operators count anew.
fn remove_sources(draft: &mut Draft) {
    let kept: Vec<usize> = (0..draft.sources.len()).filter(|at| !draft.sources[*at].region.exits.is_empty()).collect();
    for node in &mut draft.nodes {
        node.clocks = node.clocks.iter().filter_map(|source| kept.iter().position(|kept| kept == source)).collect();
    }
    let mut at = 0;
    draft.sources.retain(|_| {
        at += 1;
        kept.contains(&(at - 1))
    });
}

/// The stateful operators from which a sink can be reached, in order.
fn used_nodes(draft: &Draft) -> Vec<usize> {
    let mut used: BTreeSet<usize> = BTreeSet::new();
    // Each node comes after those that feed it, so one walk backwards sees every way to a sink.
    for (at, node) in draft.nodes.iter().enumerate().rev() {
        let leads_on = node.region.exits.iter().any(|exit| match exit.target {
            Target::Sink(_) => true,
            Target::Node(next) => used.contains(&next),
        });
        if leads_on {
            used.insert(at);
        }
    }
    used.into_iter().collect()
}

/// Removes the steps behind which there is no exit.
fn remove_steps(region: &mut RegionDraft) {
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    let step_of = |at: At| match at {
        At::Root => None,
        At::Step(step) | At::Arm(step, _) => Some(step),
    };
    let mut open: Vec<At> = region.exits.iter().map(|exit| exit.at).collect();
    while let Some(at) = open.pop() {
        if let Some(step) = step_of(at)
            && needed.insert(step)
        {
            open.push(region.steps[step].input);
        }
    }
    let place = |step: usize| needed.iter().position(|kept| *kept == step).unwrap_or(step);
    let moved = |at: At| match at {
        At::Root => At::Root,
        At::Step(step) => At::Step(place(step)),
        At::Arm(step, arm) => At::Arm(place(step), arm),
    };
    for exit in &mut region.exits {
        exit.at = moved(exit.at);
    }
    for step in &mut region.steps {
        step.input = moved(step.input);
    }
    let mut at = 0;
    region.steps.retain(|_| {
        at += 1;
        needed.contains(&(at - 1))
    });
}
