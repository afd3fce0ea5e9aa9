//! Which sinks commit together, and how they are opened: each domain has one writer, and one committer.

use std::sync::Arc;

use crate::connector::{Committed, ConnectContext, Member, MemberError, Sink, StopFlag, Writer};
use crate::plan::{Plan, SinkNode};
use crate::spec::Variables;

use super::RunError;

/// Sinks that commit an epoch in one transaction, opened.
pub(super) struct Domain {
    /// The sinks, by their places in the plan, ascending.
    pub(super) sinks: Vec<usize>,
    /// Writes them; its members are in the order of `sinks`.
    pub(super) writer: Box<dyn Writer>,
}

/// Opens what stands for the sinks of a plan, domain by domain. Gives the domains, and what each sink holds.
pub(super) fn open_domains(
    plan: &Plan,
    sinks: &[Arc<dyn Sink>],
    variables: &Variables,
    abandon: &StopFlag,
    context: &dyn Fn(&str, &str, &StopFlag) -> ConnectContext,
    require_ownership: &dyn Fn() -> Result<(), RunError>,
) -> Result<(Vec<Domain>, Vec<Committed>), RunError> {
    let mut held = vec![Committed::Volatile; plan.sinks.len()];
    let mut domains = Vec::new();
    for group in group(sinks, variables) {
        let nodes: Vec<&SinkNode> = group.iter().map(|sink| &plan.sinks[*sink]).collect();
        let contexts: Vec<ConnectContext> =
            nodes.iter().map(|node| context(&node.input.name, &node.fingerprint, abandon)).collect();
        let members = group.iter().zip(&contexts);
        let members: Vec<Member<'_>> =
            members.map(|(sink, context)| Member { sink: &*sinks[*sink], context }).collect();
        // Whoever has been taken over from since the domain before must not touch what its successor writes.
        require_ownership()?;
        let opened = members[0].sink.open(&members);
        let writer = opened.map_err(|MemberError { member, error }| RunError::Sink {
            name: nodes[member].input.name.clone(),
            error,
        })?;
        for (sink, committed) in group.iter().zip(writer.committed()) {
            held[*sink] = committed;
        }
        domains.push(Domain { sinks: group, writer });
    }
    Ok((domains, held))
}

/// The sinks of each domain, in the order of the first of each.
fn group(sinks: &[Arc<dyn Sink>], variables: &Variables) -> Vec<Vec<usize>> {
    let mut groups: Vec<(Option<String>, Vec<usize>)> = Vec::new();
    for (at, sink) in sinks.iter().enumerate() {
        let domain = sink.domain(variables);
        match groups.iter_mut().find(|(known, _)| domain.is_some() && *known == domain) {
            Some((_, group)) => group.push(at),
            None => groups.push((domain, vec![at])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}
