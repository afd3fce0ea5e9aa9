//! Copies of another time, and pipelines that have changed.

use engine::safeguard::Safeguard;

use super::damage::newest;
use super::stage::{SUMS, Stage};

pub(crate) fn a_checkpoint_comes_from_another_copy(without: Option<Safeguard>) -> Result<(), String> {
    let [stage, other] = [1, 2].map(|v| {
        let stage = Stage::new(SUMS, without);
        stage.write_rows("1", &[("a", v)]);
        stage.run().map(|_| stage)
    });
    let (stage, other) = (stage?, other?);
    let (from, to) = (newest(&other, "checkpoints"), newest(&stage, "checkpoints"));
    assert_eq!(from.file_name(), to.file_name());
    std::fs::copy(from, to).unwrap();
    stage.write_rows("2", &[("a", 4)]);
    stage.is_refused("brings back operator `sums` otherwise than it was")
}

pub(crate) fn a_table_comes_from_another_copy(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(&SUMS.replace("  rows: { from: s, file: { path: rows.jsonl } }\n", ""), without);
    stage.write_rows("1", &[("a", 1)]);
    stage.run()?;
    let other = stage.copy();
    for (stage, v) in [(&stage, 2), (&other, 3)] {
        stage.write_rows("2", &[("a", v)]);
        stage.run()?;
    }
    std::fs::copy(other.path("t.db"), stage.path("t.db")).unwrap();
    stage.write_rows("3", &[("b", 1)]);
    stage.is_refused("it holds other rows")
}

pub(crate) fn a_pipeline_changes(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without);
    stage.write_rows("1", &[("a", 1), ("a", 5)]);
    stage.run()?;
    stage.write("p.yaml", &SUMS.replace("most: max(v)", "most: min(v)").replace("table: sums", "table: least"));
    stage.run()?;
    stage.requires("select k, sum, most from least", &["a 6 1"])
}
