//! Files that are no longer what they were.

use std::path::PathBuf;

use engine::safeguard::Safeguard;

use super::stage::{SUMS, Stage};

/// The length of a frame's head, which begins with that of its body.
const HEAD: usize = 20;

pub(crate) fn a_journal_lacks_an_entry(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without);
    stage.write_rows("1", &[("a", 1)]);
    stage.run()?;
    let segment = newest(&stage, "journal");
    let bytes = std::fs::read(&segment).unwrap();
    let end = |start: usize| start + HEAD + u32::from_le_bytes(bytes[start..start + 4].try_into().unwrap()) as usize;
    let first = end(0);
    let second = end(first);
    assert!(second < bytes.len(), "three entries at least");
    std::fs::write(&segment, [&bytes[..first], &bytes[second..]].concat()).unwrap();
    stage.is_refused("does not follow what stands before it")
}

pub(crate) fn records_change(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without);
    // In the middle of a file, where the source itself does not look.
    let mut rows = vec![("a", 1); 20_000];
    stage.write_rows("1", &rows);
    stage.dies_at("commit.begin")?;
    rows[10_000].1 = 7;
    stage.write_rows("1", &rows);
    stage.is_refused("source `s` is not what it was")
}

pub(crate) fn a_checkpoint_is_damaged(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without).and_without(Safeguard::RunCompared);
    for (file, v) in [("1", 1), ("2", 2), ("3", 3)] {
        stage.write_rows(file, &[("a", v), ("b", v)]);
        stage.run()?;
    }
    let run = newest(&stage, "checkpoints");
    let mut bytes = std::fs::read(&run).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&run, bytes).unwrap();
    stage.write_rows("4", &[("a", 4)]);
    let said = stage.run()?;
    stage.requires("select k, sum from sums order by k", &["a 10", "b 6"])?;
    if said.contains("is left out") { Ok(()) } else { Err(format!("it is not left out: {said}")) }
}

/// The file of a state's folder whose name is the greatest.
pub(crate) fn newest(stage: &Stage, folder: &str) -> PathBuf {
    let files = std::fs::read_dir(stage.path("state/p").join(folder)).unwrap();
    files.map(|entry| entry.unwrap().path()).max().unwrap()
}
