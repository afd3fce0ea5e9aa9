//! `flowctl dead-letters ls`: how many records failed, where and why.

use std::collections::BTreeMap;

use clap::Args;
use connectors::console::{draw_grid, grouped, neutralise};
use engine::connector::Grid;
use engine::dead_letter::Letter;

use crate::exit::Failure;
use crate::terminal::Terminal;

use super::Place;

/// Count dead letters by source, operator and code
#[derive(Args, Debug)]
pub(super) struct Ls {
    #[command(flatten)]
    place: Place,
}

/// Letters of one source, operator and code.
#[derive(Default)]
struct Group {
    count: u64,
    /// The places of the first and the last one.
    first: Option<(String, i64)>,
    last: Option<(String, i64)>,
}

type Groups = BTreeMap<(String, String, String), Group>;

impl Ls {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let plan = self.place.plan(terminal)?;
        let mut groups = Groups::new();
        self.place.letters(&plan)?.read(None, &mut |letter| {
            add(&mut groups, letter);
            Ok(())
        })?;
        if groups.is_empty() {
            return terminal.print("no dead letters\n");
        }
        terminal.print(&format!("{}\n", draw_grid(&grid(&groups), None)))
    }
}

fn add(groups: &mut Groups, letter: Letter) {
    let group = groups.entry((letter.source, letter.operator, letter.code)).or_default();
    group.count += 1;
    if let (Some(partition), Some(offset)) = (letter.partition, letter.offset) {
        let place = (partition, offset);
        if group.first.as_ref().is_none_or(|first| place < *first) {
            group.first = Some(place.clone());
        }
        if group.last.as_ref().is_none_or(|last| place > *last) {
            group.last = Some(place);
        }
    }
}

fn grid(groups: &Groups) -> Grid {
    let place = |place: &Option<(String, i64)>| {
        let place = place.as_ref().map(|(partition, offset)| neutralise(&format!("{partition}:{offset}")).into_owned());
        Some(place.unwrap_or_default())
    };
    let rows = groups.iter().map(|((source, operator, code), group)| {
        let names = [source, operator, code].map(|name| Some(neutralise(name).into_owned()));
        let rest = [Some(grouped(group.count)), place(&group.first), place(&group.last)];
        names.into_iter().chain(rest).collect()
    });
    let columns = ["source", "operator", "code", "letters", "first", "last"].map(str::to_owned);
    Grid { columns: columns.into(), rows: rows.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted_by_where_and_why_they_failed() {
        let mut groups = Groups::new();
        for (offset, code) in [(Some(7), "a"), (Some(3), "a"), (None, "b")] {
            let partition = offset.map(|_| "p".to_owned());
            add(&mut groups, Letter { partition, offset, source: "s".into(), code: code.into(), ..Letter::default() });
        }
        let rows = grid(&groups).rows;
        let text = |row: &[Option<String>]| row.iter().map(|cell| cell.clone().unwrap()).collect::<Vec<_>>();
        assert_eq!(text(&rows[0]), ["s", "", "a", "2", "p:3", "p:7"]);
        assert_eq!(text(&rows[1]), ["s", "", "b", "1", "", ""]);
    }
}
