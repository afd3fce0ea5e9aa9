//! Which start of a pipeline this is: a number that no two starts have, whatever is stopped or dies in between.
//!
//! Reading the last number and writing the next cannot promise that: an instance that is stopped between the two, taken over from, and woken
//! later writes its number over a later one. So a number is *claimed* before it is used, by an empty file of its name that only one can make. The
//! claim with the greatest number stays in the folder until a greater one is made.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::disk;

use super::RunError;
use super::state_folder::sync_folder;

/// What the names of claims begin with; the number follows.
const CLAIM: &str = "generation-";

/// Claims a number greater than `known` and than every number that was claimed before, durably.
pub(super) fn claim(folder: &Path, known: u64) -> Result<u64, RunError> {
    let mut number = known.max(greatest(folder)?) + 1;
    loop {
        let path = claim_path(folder, number);
        match disk::create_new(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                number += 1;
                continue;
            }
            Err(error) => return Err(RunError::file(&path)(error)),
        }
        sync_folder(folder)?;
        // Whoever was stopped before this may make a claim that was made, used and removed meanwhile: a greater one is there then.
        let greatest = greatest(folder)?;
        if greatest == number {
            remove_below(folder, number)?;
            return Ok(number);
        }
        number = greatest + 1;
    }
}

fn claim_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{CLAIM}{number}"))
}

/// All claims in the folder.
fn claims(folder: &Path) -> Result<Vec<u64>, RunError> {
    let names = disk::names(folder).map_err(RunError::file(folder))?;
    Ok(names.iter().filter_map(|name| name.to_str()?.strip_prefix(CLAIM)?.parse().ok()).collect())
}

/// The greatest number that was claimed; zero if none was.
pub(super) fn greatest(folder: &Path) -> Result<u64, RunError> {
    Ok(claims(folder)?.into_iter().max().unwrap_or(0))
}

fn remove_below(folder: &Path, number: u64) -> Result<(), RunError> {
    for claim in claims(folder)?.into_iter().filter(|claim| *claim < number) {
        let path = claim_path(folder, claim);
        match disk::remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(RunError::file(&path)(error)),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn numbers_grow_and_one_claim_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let claim = |known| claim(folder.path(), known).expect("writable");
        assert_eq!(claim(0), 1);
        assert_eq!(claim(1), 2);
        // What the folder says of itself may be older than the claims, or newer: folders of earlier versions have none.
        assert_eq!(claim(0), 3);
        assert_eq!(claim(9), 10);
        assert_eq!(claims(folder.path()).expect("readable"), [10]);
    }

    #[test]
    fn whoever_was_stopped_uses_no_number_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let claim = |known| claim(folder.path(), known).expect("writable");
        // One has read 5 and is stopped; two others start, and it wakes.
        assert_eq!((claim(5), claim(6)), (6, 7));
        assert_eq!(claim(5), 8);
        // It has written its number over a later one; two further starts.
        assert_eq!((claim(6), claim(6)), (9, 10));
    }

    #[test]
    fn a_claim_that_comes_too_late_is_given_up() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Stopped before the claim of 6, which others have made, used and removed.
        fs::write(claim_path(folder.path(), 7), "").expect("writable");
        fs::write(claim_path(folder.path(), 6), "").expect("writable");
        assert_eq!(claim(folder.path(), 5).expect("writable"), 8);
    }

    #[test]
    fn of_many_at_once_no_two_have_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut numbers: Vec<u64> = std::thread::scope(|scope| {
            let start = || (0..20).map(|_| claim(folder.path(), 0).expect("writable")).collect::<Vec<_>>();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("ends")).collect()
        });
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }
}
