//! What flows into a stateful operator: rows of sources, whose sum a checkpoint keeps, and rows of other operators.

use timely::dataflow::Stream;

use super::Epoch;
use super::batch::Batch;
use super::cut::{CutEntry, CutPage};

/// Batches of rows.
pub(crate) type Rows<'scope> = Stream<'scope, Epoch, Vec<Batch>>;
/// What is put back.
pub(crate) type Restored<'scope> = Stream<'scope, Epoch, Vec<CutEntry>>;

/// The input of a stateful operator.
pub(crate) struct NodeInput<'scope> {
    /// What sources give it, if any does.
    pub(crate) of_sources: Option<CutInput<'scope>>,
    /// What other operators give it, if any does.
    pub(crate) of_nodes: Option<Rows<'scope>>,
}

/// Rows that pass a cut.
pub(crate) struct CutInput<'scope> {
    pub(crate) rows: Rows<'scope>,
    /// Where to note what has passed.
    pub(crate) page: CutPage,
    /// What had passed before.
    pub(crate) restored: Restored<'scope>,
}
