//! The forms in which commands show what they found, and numbers in them that people read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use connectors::console::{draw_grid, grouped};
use engine::connector::Grid;
use serde::Serialize;

/// How a command writes what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Tables
    #[default]
    Table,
    /// JSON
    Json,
}

/// A value as JSON for people and programs, ended by a line end.
pub(crate) fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("what commands show is plain text and numbers");
    text + "\n"
}

/// Rows below names of columns; nothing if there are no rows.
pub(crate) fn table(columns: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    draw_grid(&Grid { columns, rows: rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect() }, None)
}

/// How long ago a moment is, given in microseconds since 1970.
pub(crate) fn age(micros: i64) -> Duration {
    let moment = UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    // A clock that was set back makes it now.
    SystemTime::now().duration_since(moment).unwrap_or_default()
}

/// An age in the greatest unit that it has at least two of: `90 s ago`.
pub(crate) fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    let (number, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{} {unit} ago", grouped(number))
}

/// Bytes in the greatest unit that they have at least ten of: `14 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    let (number, unit) = match bytes {
        0..10_240 => (bytes, "bytes"),
        10_240..10_485_760 => (bytes >> 10, "KiB"),
        10_485_760..10_737_418_240 => (bytes >> 20, "MiB"),
        _ => (bytes >> 30, "GiB"),
    };
    format!("{} {unit}", grouped(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_have_a_unit_that_fits() {
        let ages = [0, 119, 120, 7_200, 172_799, 172_800].map(|seconds| ago(Duration::from_secs(seconds)));
        assert_eq!(ages, ["0 s ago", "119 s ago", "2 min ago", "2 h ago", "47 h ago", "2 days ago"]);
        assert_eq!(
            [0, 10_239, 10_240, 1 << 24, 1 << 34].map(size),
            ["0 bytes", "10,239 bytes", "10 KiB", "16 MiB", "16 GiB"]
        );
        assert!(age(i64::MAX).is_zero() && age(0) > Duration::from_secs(86_400));
    }

    #[test]
    fn a_table_without_rows_is_nothing() {
        assert_eq!(table(&["a"], Vec::new()), "");
        assert!(table(&["a"], vec![vec!["x".into()]]).contains("│ x │"));
    }
}
