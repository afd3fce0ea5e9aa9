//! Why a table is not written to, or no longer: another writer's rows, rows that have gone, another instance.

use engine::connector::ConnectorError;

use super::marker::{MARKER_TABLE, Marker, Writing};

/// The end of an instance whose marker another one has taken.
pub(super) fn fenced(writing: &Writing, left: Marker, place: &str) -> ConnectorError {
    ConnectorError::Fenced {
        what: format!(
            "another instance of pipeline `{}` has taken over {place}: its row in {MARKER_TABLE} is no longer at generation {}, epoch {}",
            writing.pipeline, left.generation, left.epoch
        ),
        hint: "nothing is lost, the other instance goes on; run only one at a time".into(),
    }
}

/// The end of an instance that finds a later one's marker when it opens.
pub(super) fn refuse_successor(writing: &Writing, theirs: u64, own: u64, place: &str) -> ConnectorError {
    ConnectorError::Fenced {
        what: format!(
            "another instance of pipeline `{}` has taken over {place}: its row in {MARKER_TABLE} is at generation {theirs}, this one at {own}",
            writing.pipeline
        ),
        hint: "nothing is lost, the other instance goes on; run only one at a time, and none from an old copy of the state directory"
            .into(),
    }
}

/// The refusal of a table that has gone while its marker says that it holds rows.
pub(super) fn refuse_missing(table: &str, epoch: u64, place: &str) -> ConnectorError {
    ConnectorError::diverged(
        format!("table `{table}` is gone from {place}, yet it held everything up to epoch {epoch}"),
        format!("restore the table; or start from nothing: `{}`, and a new `--state` directory", delete_marker(table)),
    )
}

/// Refuses a marker of another writer.
pub(super) fn refuse_others(other: &Writing, writing: &Writing, epoch: u64, place: &str) -> Result<(), ConnectorError> {
    let table = &writing.table.table;
    let restart = format!("`DROP TABLE {table}` together with `{}`", delete_marker(table));
    if (&other.pipeline, &other.sink) != (&writing.pipeline, &writing.sink) {
        return Err(ConnectorError::diverged(
            format!(
                "table `{table}` in {place} is written by sink `{}` of pipeline `{}` (up to epoch {epoch}); a second writer would mix \
                 its rows into them",
                other.sink, other.pipeline
            ),
            format!("choose another `table`; or run that pipeline instead; or drop what is there: {restart}"),
        ));
    }
    if other.state_id != writing.state_id {
        return Err(ConnectorError::diverged(
            format!(
                "table `{table}` in {place} already holds the rows of this pipeline up to epoch {epoch}, written from another state \
                 directory (id {}; this one is {}); writing from here would double them",
                other.state_id, writing.state_id
            ),
            format!(
                "run with the `--state` directory that has written it; or choose another `table`; or drop what is there: {restart}"
            ),
        ));
    }
    if other.fingerprint != writing.fingerprint {
        return Err(ConnectorError::diverged(
            format!(
                "the YAML that feeds table `{table}` in {place} has changed since its rows were written (up to epoch {epoch}); old and \
                 new rows would mean different things"
            ),
            format!(
                "undo the change; or choose another `table`; or drop what is there and replay: {restart}, with a new `--state` directory"
            ),
        ));
    }
    Ok(())
}

fn delete_marker(table: &str) -> String {
    format!("DELETE FROM {MARKER_TABLE} WHERE table_name = '{}'", table.replace('\'', "''"))
}
