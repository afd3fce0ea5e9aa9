//! Names for the exits of a source's region: what tells of a record which targets have its rows.

use super::{At, Plan, Region, Target};

/// What an exit is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitName {
    /// For people: the target, and the way to it if there are several.
    pub shown: String,
    /// Equal keys, equal exits: another target of the same name has another.
    pub key: String,
}

impl Plan {
    /// The names of a source's exits, in their order.
    #[must_use]
    pub fn exit_names(&self, source: usize) -> Vec<ExitName> {
        let region = &self.sources[source].region;
        let name = |exit: &super::Exit| {
            let (target, key) = match exit.target {
                Target::Node(at) => {
                    let node = &self.nodes[at];
                    (format!("operator {}", node.name), format!("operator {} {}", node.name, node.fingerprint))
                }
                Target::Sink(at) => {
                    let sink = &self.sinks[at];
                    (format!("sink {}", sink.input.name), format!("sink {}", sink.mark_key()))
                }
            };
            let way = way(region, exit.at);
            let several = region.exits.iter().filter(|other| other.target == exit.target).count() > 1;
            let shown = if several && !way.is_empty() { format!("{target} by {way}") } else { target };
            ExitName { shown, key: format!("{key} by {way}") }
        };
        region.exits.iter().map(name).collect()
    }
}

/// The steps that lead to a place.
fn way(region: &Region, mut at: At) -> String {
    let mut names = Vec::new();
    while let At::Step(step) | At::Arm(step, _) = at {
        let arm = match at {
            At::Arm(_, arm) => format!(".{arm}"),
            _ => String::new(),
        };
        names.push(format!("{}{arm}", region.steps[step].name));
        at = region.steps[step].input;
    }
    names.reverse();
    names.join(" → ")
}
