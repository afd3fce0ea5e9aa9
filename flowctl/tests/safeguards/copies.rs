//! Copies of another time, and pipelines that have changed.

use engine::safeguard::Safeguard;

use super::damage::newest;
use super::stage::{SUMS, Stage};

/// A state whose newest checkpoint is put in the place of this one's, which looks alike: both have one average of one group.
fn with_another_checkpoint(stage: Stage, rows: &[(&str, i64)], others: &[(&str, i64)]) -> Result<Stage, String> {
    let other = stage.copy();
    for (stage, rows) in [(&stage, rows), (&other, others)] {
        stage.write_rows("1", rows);
        stage.run()?;
    }
    let (from, to) = (newest(&other, "checkpoints"), newest(&stage, "checkpoints"));
    assert_eq!(from.file_name(), to.file_name());
    std::fs::copy(from, to).unwrap();
    Ok(stage)
}

pub(crate) fn a_checkpoint_looks_like_another(without: Option<Safeguard>) -> Result<(), String> {
    let average = SUMS.replace("sum: sum(v), most: max(v)", "average: avg(v)");
    let stage = with_another_checkpoint(Stage::new(&average, without), &[("a", 2)], &[("a", 1), ("a", 3)])?;
    stage.write_rows("2", &[("a", 8)]);
    let said = stage.run()?;
    stage.requires("select k, cast(average as integer) from sums", &["a 5"])?;
    if said.contains("is left out: ") { Ok(()) } else { Err(format!("it is not left out: {said}")) }
}

pub(crate) fn a_checkpoint_brings_back_other_rows(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without).and_without(Safeguard::RunCompared);
    let stage = with_another_checkpoint(stage, &[("a", 1)], &[("a", 2)])?;
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
