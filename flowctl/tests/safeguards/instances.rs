//! Two instances of one pipeline.

use std::time::{Duration, Instant};

use engine::safeguard::Safeguard;

use super::stage::{Stage, copy_folder};

const FILE: &str = "{ from: s, file: { path: rows.jsonl } }";
const TABLE: &str = "{ from: s, mysql: { url: 'sqlite:t.db', table: rows, create: true } }";

/// What the second instance is run with.
const BRIEFLY: [&str; 2] = ["--until-idle", "300ms"];

pub(crate) fn a_second_run_is_refused(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::following(FILE, without);
    let _first = stage.starts(&["--state", "state"]);
    stage.awaits("the first row", || stage.lines("rows.jsonl").len() == 1)?;
    match stage.run_with(&[BRIEFLY, ["--state", "state"]].concat()) {
        Err(said) if said.contains("another flowctl") => Ok(()),
        other => Err(format!("a second run is not refused: {other:?}")),
    }
}

pub(crate) fn one_that_wakes_ends(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::following(FILE, without);
    let mut first = stage.starts(&["--state", "state"]);
    stage.awaits("the first row", || stage.lines("rows.jsonl").len() == 1)?;
    first.signal("-STOP");
    stage.run_with(&[BRIEFLY, ["--state", "state"]].concat())?;
    first.signal("-CONT");
    stage.append_row("1", ("a", 2));
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        match first.ended() {
            Some(Some(75)) => {
                stage.run_with(&[BRIEFLY, ["--state", "state"]].concat())?;
                return stage.requires_all_rows();
            }
            Some(code) => return Err(format!("the one that woke ends with {code:?}")),
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    Err("the one that woke goes on".to_owned())
}

/// The second instance runs on a copy of the state, so that no lock stands between both: only the table can tell them apart.
pub(crate) fn a_copy_of_the_state_goes_on(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::following(TABLE, without);
    let mut first = stage.starts(&["--state", "state"]);
    stage.awaits("the first row", || stage.query("select v from rows").len() == 1)?;
    first.signal("-STOP");
    copy_folder(&stage.path("state"), &stage.path("copy"));
    let second = [BRIEFLY, ["--state", "copy"]].concat();
    stage.run_with(&second)?;
    first.signal("-CONT");
    stage.append_row("1", ("a", 2));
    stage.awaits("the end of the first", || first.ended().is_some() || stage.query("select v from rows").len() == 2)?;
    drop(first);
    stage.run_with(&second)?;
    stage.requires("select v from rows order by v", &["1", "2"])
}
