//! How much a checkpoint keeps, cut by cut.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::plan::Plan;
use crate::render::Cut;
use crate::runtime::RunError;
use crate::runtime::checkpoint::{Checkpoint, Expiry, Merge, runs_folder};
use crate::runtime::journal::{Entry, Journal};

use super::{misfit, patiently};

/// What a checkpoint keeps of one source or operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CutSize {
    /// Of what.
    pub of: String,
    /// How many entries: groups, keys, rows.
    pub entries: u64,
    /// How long their keys and values are together, in bytes.
    pub bytes: u64,
}

/// What the newest checkpoint in a pipeline's folder keeps, cut by cut, after its epoch; none if there is no checkpoint. Reads all of it.
///
/// # Errors
/// It is damaged, or cannot be read.
pub fn cut_sizes(folder: &Path, plan: &Plan) -> Result<Option<(u64, Vec<CutSize>)>, RunError> {
    patiently(|| {
        let Some(checkpoint) = newest(folder)? else { return Ok(None) };
        let mut sizes = BTreeMap::<Cut, (u64, u64)>::new();
        // With the plan's expiry only if the places of cuts mean the plan's sources and operators.
        let fits = misfit(plan, &checkpoint.cuts).is_none();
        let expiry = if fits { Expiry::new(plan) } else { Expiry::default() };
        let mut entries = Merge::open(&runs_folder(folder), &checkpoint.runs, Some(expiry))?;
        let mut value_bytes = Vec::new();
        while let Some((cut, key, value)) = entries.next()? {
            value_bytes.clear();
            value.encode(&mut value_bytes);
            let (count, bytes) = sizes.entry(cut).or_default();
            *count += 1;
            *bytes += (key.len() + value_bytes.len()) as u64;
        }
        let sizes = sizes.into_iter();
        let sizes = sizes.map(|(cut, (entries, bytes))| CutSize { of: name(cut, plan, fits), entries, bytes });
        Ok(Some((checkpoint.epoch, sizes.collect())))
    })
}

fn newest(folder: &Path) -> Result<Option<Checkpoint>, RunError> {
    let Some(mut reader) = Journal::look(folder)? else { return Ok(None) };
    let bases = Journal::bases(folder)?;
    let mut newest = None;
    while let Some(entry) = reader.next()? {
        match entry {
            Entry::Checkpoint(checkpoint) if bases.contains(&checkpoint.epoch) => newest = Some(checkpoint),
            _ => {}
        }
    }
    Ok(newest)
}

/// What a cut is of; of a checkpoint that does not fit, only its place is known.
fn name(cut: Cut, plan: &Plan, fits: bool) -> String {
    let (kind, place, known) = match cut {
        Cut::Source(place) => ("source", place, plan.sources.get(place).map(|source| &source.name)),
        Cut::Node(place) => ("operator", place, plan.nodes.get(place).map(|node| &node.name)),
    };
    known.filter(|_| fits).map_or_else(|| format!("{kind} {place}"), |name| format!("{kind} `{name}`"))
}
