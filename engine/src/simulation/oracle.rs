//! What records are, what they come to, and whether what is committed is that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::runtime::newest_epoch;

use super::dice::mix;
use super::server::{Row, Table};
use super::world::{World, dice, looking_at, with};

/// How many records each partition has in the end.
pub(super) const RECORDS: u64 = 8;

/// A record.
pub(super) struct Recorded {
    /// As the source has it.
    pub(super) text: String,
    /// Its columns, if it is good.
    row: Option<(String, i64)>,
}

/// The record at an offset of a partition.
pub(super) fn record(seed: u64, partition: u64, offset: u64) -> Recorded {
    let chance = mix(seed ^ mix((partition << 32) + offset + 1));
    let (key, value) = (format!("k{}", chance % 4), ((chance >> 8) % 9) as i64 - 4);
    if (chance >> 16).is_multiple_of(11) {
        return Recorded { text: format!("p{partition} {offset} {key} bad"), row: None };
    }
    Recorded { text: format!("p{partition} {offset} {key} {value}"), row: Some((key, value)) }
}

/// Looks at what is committed, whenever something was.
pub(super) fn look() {
    with(|world| {
        if let Err(what) = judge(world) {
            world.violate(what);
        }
    });
    if dice(|dice| dice.once_in(6)) {
        let (newest, sure) = with(|world| (world.database.newest().max(world.broker.newest()), world.disk.for_sure()));
        let durable = looking_at(sure, || newest_epoch(Path::new("/root/state/simulated")));
        match durable {
            Ok(durable) if durable >= newest => {}
            Ok(durable) => with(|world| {
                world.violate(format!("epoch {newest} is committed, but the journal surely has only {durable}"));
            }),
            Err(error) => with(|world| world.violate(format!("the journal is not what it was: {error}"))),
        }
    }
}

/// Everything that all records come to must be there, and nothing else.
pub(super) fn require_all(world: &World) -> Result<(), String> {
    judge(world)?;
    for partition in 0..2 {
        let good = (0..RECORDS).filter(|offset| record(world.seed, partition, *offset).row.is_some()).count() as i64;
        let name = format!("p{partition}");
        if good > 0 && seen(world, &name) != good {
            return Err(format!("of {good} records of {name} {} are counted", seen(world, &name)));
        }
    }
    let bad = (0..2).flat_map(|partition| (0..RECORDS).map(move |offset| (partition, offset)));
    let bad = bad.filter(|(partition, offset)| record(world.seed, *partition, *offset).row.is_none()).count();
    let letters = table(world, "letters of a").map_or(0, |table| table.rows.values().sum::<i64>());
    if letters != bad as i64 {
        return Err(format!("{bad} records are bad, and {letters} letters are there"));
    }
    let raw = world.broker.tables.get("raw").map_or(0, |table| table.log.len()) as u64;
    if raw + bad as u64 != 2 * RECORDS {
        return Err(format!("the topic `raw` has {raw} records, and {bad} are bad"));
    }
    let polled = world.broker.tables.get("polled").map_or(0, |table| table.log.len());
    if polled != world.polled.len() {
        return Err(format!("the topic `polled` has {polled} records, but {} were read", world.polled.len()));
    }
    Ok(())
}

/// What is committed must be what some prefix of each partition comes to.
fn judge(world: &World) -> Result<(), String> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for partition in 0..2 {
        let count = seen(world, &format!("p{partition}"));
        let good = (0..RECORDS).filter_map(|offset| record(world.seed, partition, offset).row);
        for (key, value) in good.take(count as usize) {
            *sums.entry(key).or_default() += value;
        }
    }
    let mut best: Vec<Row> = sums.into_iter().map(|(key, sum)| vec![key, sum.to_string()]).collect();
    require_rows(world, "credits", best.clone())?;
    best.sort_by_key(|row| (-row[1].parse::<i64>().unwrap_or(0), row[0].clone()));
    best.truncate(2);
    require_rows(world, "best", best)?;
    require_last(world)?;
    require_once(world)
}

fn require_rows(world: &World, name: &str, expected: Vec<Row>) -> Result<(), String> {
    let found: Vec<(&Row, &i64)> = table(world, name).iter().flat_map(|table| &table.rows).collect();
    let mut expected = expected;
    expected.sort();
    if found.iter().all(|(_, count)| **count == 1) && found.iter().map(|(row, _)| *row).eq(expected.iter()) {
        return Ok(());
    }
    Err(format!("`{name}` holds {found:?}, which is no prefix's: expected {expected:?}"))
}

/// The newest of each key of some prefix of what was polled.
fn require_last(world: &World) -> Result<(), String> {
    let Some(table) = table(world, "last") else { return Ok(()) };
    let newest = table.rows.keys().filter_map(|row| row[0].parse::<usize>().ok()).max();
    let mut expected: BTreeMap<String, Row> = BTreeMap::new();
    for text in world.polled.iter().take(newest.map_or(0, |newest| newest + 1)) {
        let row = polled_row(text);
        expected.insert(row[1].clone(), row);
    }
    let expected: BTreeSet<&Row> = expected.values().collect();
    let found = table.rows.keys().map(|row| &row[..3]);
    if found.eq(expected.iter().map(|row| row.as_slice())) && table.rows.values().all(|count| *count == 1) {
        return Ok(());
    }
    Err(format!("`last` holds {:?}, expected {expected:?}", table.rows))
}

/// Topics have each record once, those of a partition in order, and none that was never there.
fn require_once(world: &World) -> Result<(), String> {
    let mut next = [0, 0];
    for (row, diff) in world.broker.tables.get("raw").iter().flat_map(|table| &table.log) {
        let partition = usize::from(row[0] == "p1");
        let good = |offset: &u64| record(world.seed, partition as u64, *offset).row.is_some();
        let due = (next[partition]..RECORDS).find(good);
        if *diff != 1 || due.map(|due| due.to_string()) != Some(row[1].clone()) {
            return Err(format!("the topic `raw` has {row:?} where {due:?} is due"));
        }
        next[partition] = due.unwrap_or(0) + 1;
    }
    for (at, (row, diff)) in world.broker.tables.get("polled").iter().flat_map(|table| &table.log).enumerate() {
        let expected = world.polled.get(at).map(|text| polled_row(text)).unwrap_or_default();
        if *diff != 1 || !row.starts_with(&expected) || expected.is_empty() {
            return Err(format!("the topic `polled` has {row:?} where {expected:?} was read"));
        }
    }
    Ok(())
}

/// Of something polled: its number, key and value.
fn polled_row(text: &str) -> Row {
    text.split(' ').take(3).map(str::to_owned).collect()
}

fn table<'a>(world: &'a World, name: &str) -> Option<&'a Table> {
    world.database.tables.get(name)
}

/// How many records of a partition are counted.
fn seen(world: &World, partition: &str) -> i64 {
    let rows = table(world, "seen").into_iter().flat_map(|table| table.rows.keys());
    rows.filter(|row| row[0] == partition).map(|row| row[1].parse().unwrap_or(-1)).sum()
}
