//! Which checkpoints a restart may begin with, if it was told.

use std::path::Path;

use super::RunError;
use super::checkpoint::Checkpoint;

/// The checkpoints, of those that are sound and in order, that do not lie behind epoch `from`: all of them without one, and none with 0.
pub(super) fn not_behind<'a>(
    from: Option<u64>,
    sound: &'a [Checkpoint],
    folder: &Path,
) -> Result<&'a [Checkpoint], RunError> {
    let Some(from) = from else { return Ok(sound) };
    let usable = &sound[..sound.partition_point(|checkpoint| checkpoint.epoch <= from)];
    if !usable.is_empty() || from == 0 {
        return Ok(usable);
    }
    let epochs: Vec<String> = sound.iter().map(|checkpoint| checkpoint.epoch.to_string()).collect();
    let there = match epochs.as_slice() {
        [] => "there are none".to_owned(),
        [one] => format!("there is one at epoch {one}"),
        more => format!("there are those at epochs {}", more.join(", ")),
    };
    Err(RunError::State {
        folder: folder.to_owned(),
        what: format!("no checkpoint at or before epoch {from} fits this pipeline and is sound; {there}"),
        hint: "choose one of them, or `--from 0` to read again what the sources still have; `flowctl state ls FILE` says more"
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_one_that_may_serve_is_the_last() {
        let at = |epoch| Checkpoint { epoch, cuts: Vec::new(), runs: Vec::new() };
        let sound = [at(3), at(7), at(9)];
        let last = |from| {
            let usable = not_behind(from, &sound, Path::new("s")).map_err(|error| error.to_string())?;
            Ok::<_, String>(usable.last().map(|checkpoint| checkpoint.epoch))
        };
        assert_eq!((last(None), last(Some(8)), last(Some(7))), (Ok(Some(9)), Ok(Some(7)), Ok(Some(7))));
        assert_eq!((last(Some(99)), last(Some(0))), (Ok(Some(9)), Ok(None)));
        let refused = last(Some(2)).expect_err("none lies there");
        assert!(refused.ends_with("there are those at epochs 3, 7, 9"), "{refused}");
        let refused = not_behind(Some(2), &[], Path::new("s")).expect_err("there is none").to_string();
        assert!(refused.ends_with("there are none"), "{refused}");
    }
}
