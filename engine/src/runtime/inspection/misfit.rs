//! Whether a checkpoint fits a pipeline as it is now.

use crate::plan::Plan;

/// What of a plan differs from what a checkpoint with these cuts was made of, as a sentence; none if it fits, and a restart can begin with it.
#[must_use]
pub fn misfit(plan: &Plan, cuts: &[String]) -> Option<String> {
    let now = plan.cut_names();
    if now == cuts {
        return None;
    }
    let names = plan.sources.iter().map(|source| format!("source `{}`", source.name));
    let names = names.chain(plan.nodes.iter().map(|node| format!("operator `{}`", node.name)));
    // What an operator reads is a part of what it is, so that the first one that differs is where it begins.
    let differing = now.iter().zip(names).find(|(cut, _)| !cuts.contains(cut));
    Some(differing.map_or_else(
        || "a source or an operator was taken away".to_owned(),
        |(_, name)| format!("{name} is another, or new"),
    ))
}
