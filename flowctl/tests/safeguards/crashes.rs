//! Runs that die, and what the next one makes of it.

use engine::safeguard::Safeguard;

use super::stage::{SUMS, Stage};

/// In the middle of a stream: the end of an input comes with a checkpoint, and that with the journal.
pub(crate) fn a_run_dies_after_a_commit(without: Option<Safeguard>) -> Result<(), String> {
    let stream = SUMS.replace("mode: batch\nepoch: 1h", "epoch: 5ms").replace("*.jsonl'", "*.jsonl', follow: true");
    let stage = Stage::new(&stream, without);
    stage.write_rows("1", &[("a", 1), ("b", 2), ("a", 4)]);
    stage.dies_at("commit.done")?;
    stage.run_with(&["--until-idle", "300ms", "--state", "state"])?;
    stage.requires("select k, sum, most from sums order by k", &["a 5 4", "b 2 2"])?;
    stage.requires_all_rows()
}

pub(crate) fn a_run_dies_behind_its_marker(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without);
    stage.write_rows("1", &[("a", 1), ("b", 2)]);
    stage.dies_at("database.marked")?;
    stage.run()?;
    stage.requires("select k, sum from sums order by k", &["a 1", "b 2"])
}

pub(crate) fn a_run_dies_before_a_file_counts(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without);
    stage.write_rows("1", &[("a", 1), ("b", 2)]);
    stage.dies_at("file.state")?;
    stage.run()?;
    stage.requires_all_rows()
}

/// The second start finds what the first has begun behind the same epoch, when a sink still stands before it.
pub(crate) fn starts_die_behind_their_beginning(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without);
    stage.write_rows("1", &[("a", 1)]);
    stage.run()?;
    std::fs::remove_dir_all(stage.path("state/p/checkpoints")).unwrap();
    stage.write_rows("2", &[("a", 2)]);
    stage.dies_at("commit.begin")?;
    stage.dies_at("segment.begun")?;
    stage.dies_at("segment.begun")?;
    stage.run()?;
    stage.requires("select k, sum from sums", &["a 3"])?;
    stage.requires_all_rows()
}

pub(crate) fn the_past_is_read_again(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without);
    stage.write_rows("1", &[("a", 1), ("b", 2)]);
    stage.run()?;
    std::fs::remove_dir_all(stage.path("state/p/checkpoints")).unwrap();
    stage.write_rows("2", &[("a", 3)]);
    stage.run()?;
    stage.requires("select k, sum from sums order by k", &["a 4", "b 2"])?;
    stage.requires_all_rows()
}
