//! What a run leaves to be said: reports on standard output; ledgers and dead letters on standard error.

use std::fmt::Write;

use connectors::console::{draw_grid, grouped, neutralise};
use engine::ledger::Ledger;
use engine::runtime::Summary;

use crate::exit::Failure;
use crate::terminal::{Terminal, size};

/// Shows what a run leaves.
pub(crate) fn show(summary: &Summary, terminal: &Terminal) -> Result<(), Failure> {
    terminal.print(&reports(summary, if terminal.screen.is_live() { size().map(|size| size.0) } else { None }))?;
    terminal.say(&ledgers(summary, ""));
    Ok(())
}

/// Shows the ledgers of a pipeline that ran for another one.
pub(crate) fn show_feeder(summary: &Summary, pipeline: &str, terminal: &Terminal) {
    terminal.say(&ledgers(summary, &format!("{}/", neutralise(pipeline))));
}

fn reports(summary: &Summary, width: Option<u16>) -> String {
    let mut text = String::new();
    for (name, grid) in &summary.reports {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "{}\n{}", neutralise(name), draw_grid(grid, width));
    }
    text
}

fn ledgers(summary: &Summary, prefix: &str) -> String {
    let mut text = String::new();
    for (source, ledger) in &summary.ledgers {
        let _ = writeln!(text, "{prefix}{source}: {}", balance(ledger));
    }
    if summary.dead_letters > 0 {
        let letters = if summary.dead_letters == 1 { "dead letter" } else { "dead letters" };
        let places = neutralise(&summary.letter_sinks.join(", ")).into_owned();
        let _ =
            writeln!(text, "{} {letters} in {places}; see `flowctl dead-letters ls`", grouped(summary.dead_letters));
    }
    text.push_str(&skipped(summary.skipped));
    text
}

/// A line that says how many errors were only counted; nothing if none was.
pub(crate) fn skipped(count: u64) -> String {
    let errors = if count == 1 { "error" } else { "errors" };
    if count == 0 { String::new() } else { format!("{} {errors} skipped, as `on_error: skip` asks\n", grouped(count)) }
}

/// A ledger as the sum that it is.
pub(crate) fn balance(ledger: &Ledger) -> String {
    let Ledger { read, used, filtered, late, dead_letter, duplicate } = ledger;
    let [read, used, filtered, late, dead_letter, duplicate] =
        [read, used, filtered, late, dead_letter, duplicate].map(|count| grouped(*count));
    format!(
        "read {read} = used {used} + filtered {filtered} + late {late} + dead_letter {dead_letter} + duplicate {duplicate}"
    )
}

#[cfg(test)]
mod tests {
    use engine::connector::Grid;

    use super::*;

    #[test]
    fn a_ledger_is_a_sum_and_dead_letters_are_found() {
        let ledger = Ledger { read: 1234, used: 900, filtered: 300, late: 0, dead_letter: 34, duplicate: 0 };
        let grid = Grid { columns: vec!["n".into()], rows: vec![vec![Some("12".into())], vec![None]] };
        let summary = Summary {
            ledgers: vec![("streams".into(), ledger)],
            dead_letters: 34,
            letter_sinks: vec!["table `s` in a.db".into()],
            skipped: 1,
            reports: vec![("games".into(), grid)],
            ..Summary::default()
        };
        assert_eq!(
            ledgers(&summary, "twitch/"),
            "twitch/streams: read 1,234 = used 900 + filtered 300 + late 0 + dead_letter 34 + duplicate 0\n\
             34 dead letters in table `s` in a.db; see `flowctl dead-letters ls`\n\
             1 error skipped, as `on_error: skip` asks\n"
        );
        assert!(reports(&summary, None).starts_with("games\n┌──────┐\n│    n │\n"));
    }
}
