//! The running digests of a run: of all records of each source, of all rows of each stateful operator and of each sink. The journal keeps how they
//! stood at each epoch; what replays the past must come to the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::plan::{Plan, Target, fingerprint};
use crate::render::{Digested, RowDigester};

/// Digests by what they are of, as the journal has them: another operator of the same name is another operator.
pub(super) type Recorded = BTreeMap<String, Digest>;

/// How the digests of a run stand.
#[derive(Debug)]
pub(super) struct Digests {
    names: BTreeMap<Digested, Name>,
    totals: BTreeMap<Digested, Digest>,
    /// What no checkpoint brings back: these go on from what the journal has.
    carried: BTreeSet<Digested>,
}

#[derive(Debug)]
struct Name {
    /// In the journal.
    key: String,
    /// In messages.
    shown: String,
}

impl Digests {
    /// The digests of a plan whose past begins where the journal has recorded `base`.
    pub(super) fn new(plan: &Plan, base: &Recorded) -> Self {
        let names = names(plan);
        let is_carried = |of: &Digested| match of {
            Digested::Source(_) => true,
            Digested::Node(_) => false,
            Digested::Sink(sink) => plan.is_fed_by_source(Target::Sink(*sink)),
        };
        let carried: BTreeSet<Digested> = names.keys().copied().filter(is_carried).collect();
        let totals = names.iter().map(|(of, name)| {
            let begun = carried
                .contains(of)
                .then(|| base.get(&name.key).or_else(|| of_other_version(base, &name.key)).copied())
                .flatten();
            (*of, begun.unwrap_or_default())
        });
        Self { totals: totals.collect(), names, carried }
    }

    /// Takes in what an epoch has read and made.
    pub(super) fn add(&mut self, parts: &BTreeMap<Digested, Digest>) {
        for (of, part) in parts {
            self.totals.entry(*of).or_default().merge(*part);
        }
    }

    /// Takes in what a checkpoint has brought back.
    pub(super) fn add_restored(&mut self, parts: &BTreeMap<Digested, Digest>) {
        let restored = parts.iter().filter(|(of, _)| !self.carried.contains(of));
        for (of, part) in restored {
            self.totals.entry(*of).or_default().merge(*part);
        }
    }

    /// As the journal keeps them.
    pub(super) fn recorded(&self) -> Recorded {
        self.names.iter().map(|(of, name)| (name.key.clone(), self.totals[of])).collect()
    }

    /// Of all rows of a sink.
    pub(super) fn of_sink(&self, sink: usize) -> Digest {
        self.totals.get(&Digested::Sink(sink)).copied().unwrap_or_default()
    }

    /// What stands otherwise than the journal has it, if anything does: the first on the way from sources to sinks.
    pub(super) fn diverged(&self, recorded: &Recorded) -> Option<&str> {
        let differs =
            |(of, name): &(&Digested, &Name)| recorded.get(&name.key).is_some_and(|known| *known != self.totals[*of]);
        self.names.iter().find(differs).map(|(_, name)| name.shown.as_str())
    }
}

/// What the journal calls the rows of a sink.
pub(super) fn sink_key(plan: &Plan, sink: usize) -> String {
    let node = &plan.sinks[sink];
    // Another release may word errors in another way.
    let release = if node.letters_of.is_some() { concat!(", ", env!("CARGO_PKG_VERSION")) } else { "" };
    format!("sink {} ({}{release})", node.mark_key(), RowDigester::FORM)
}

/// What an earlier release has recorded under a name.
fn of_other_version<'a>(base: &'a Recorded, key: &str) -> Option<&'a Digest> {
    let (meaning, _) = key.split_once(" (")?;
    base.iter()
        .find(|(other, _)| other.split_once(" (").is_some_and(|(other, _)| other == meaning))
        .map(|(_, digest)| digest)
}

fn names(plan: &Plan) -> BTreeMap<Digested, Name> {
    let sources = plan.sources.iter().enumerate().map(|(at, source)| {
        let shown = format!("source `{}`", source.name);
        (Digested::Source(at), Name { key: format!("source {}", source.name), shown })
    });
    let nodes = plan.nodes.iter().enumerate().map(|(at, node)| {
        let columns = node.output.columns.iter().map(|column| format!("{} {}", column.name, column.column_type));
        let shape = format!("{}; {}", RowDigester::FORM, columns.collect::<Vec<_>>().join(", "));
        let key = format!("operator {} {}", node.name, fingerprint(&shape, &[&node.fingerprint]));
        (Digested::Node(at), Name { key, shown: format!("operator `{}`", node.name) })
    });
    let sinks = plan.sinks.iter().enumerate().map(|(at, sink)| {
        let shown = format!("what flows into sink `{}`", sink.input.name);
        (Digested::Sink(at), Name { key: sink_key(plan, at), shown })
    });
    sources.chain(nodes).chain(sinks).collect()
}
