//! Sinks opened alone, and epochs committed to them with digests that can be told apart.

use engine::connector::{
    Changes, Committed, ConnectContext, ConnectorError, Mark, Member, MemberChanges, MemberError, Sink, Writer,
};
use engine::digest::Digest;

pub(crate) fn digest(epoch: u64) -> Digest {
    let mut digest = Digest::default();
    digest.add(&epoch.to_le_bytes(), i64::from(epoch > 0));
    digest
}

pub(crate) fn mark(epoch: u64) -> Mark {
    Mark { epoch, digest: digest(epoch) }
}

pub(crate) fn open(sink: &dyn Sink, context: &ConnectContext) -> Result<Box<dyn Writer>, ConnectorError> {
    sink.open(&[Member { sink, context }]).map_err(|MemberError { error, .. }| error)
}

pub(crate) fn change(member: usize, epoch: u64, changes: Changes) -> MemberChanges {
    MemberChanges { member, changes, digest: digest(epoch) }
}

pub(crate) fn commit(writer: &mut dyn Writer, epoch: u64, changes: Changes) -> Result<(), ConnectorError> {
    writer.commit(epoch, &[change(0, epoch, changes)]).map_err(|MemberError { error, .. }| error)
}

pub(crate) fn held(writer: &dyn Writer) -> Vec<Mark> {
    let mark = |committed| match committed {
        Committed::Epoch(mark) => mark,
        Committed::Volatile => panic!("topics last"),
    };
    writer.committed().into_iter().map(mark).collect()
}
