//! `flowctl topic produce`: appends lines as records.

use std::io::{self, BufRead, Read};

use clap::Args;
use connectors::console::grouped;
use connectors::topic_log::DEFAULT_PARTITIONS;
use engine::connector::StopFlag;

use crate::exit::{FAILED, Failure, WRONG};
use crate::terminal::Terminal;

use super::Place;

/// The longest line that becomes a record, in bytes.
const LINE_MAX: usize = 16 << 20;

/// Append the lines of standard input to a topic, each as a record
#[derive(Args, Debug)]
pub(super) struct Produce {
    /// The topic; made if it is missing
    topic: String,
    /// How many partitions a new topic gets
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PARTITIONS, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    partitions: u32,
    /// What ends the key at the start of a line; without it records have no key
    #[arg(long, value_name = "TEXT")]
    key_separator: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Produce {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let access = self.place.open(&StopFlag::default())?;
        let mut producer = access.produce(&self.topic, self.partitions)?;
        let mut input = io::stdin().lock();
        let mut line = Vec::new();
        while let Some(content) = next_line(&mut input, &mut line)? {
            let (key, value) = split(content, self.key_separator.as_deref());
            producer.send(key, Some(value))?;
        }
        producer.flush()?;
        terminal.say(&format!("flowctl: {} records appended to `{}`\n", grouped(producer.sent()), self.topic));
        Ok(())
    }
}

/// The next line without its end.
fn next_line<'a>(input: &mut impl BufRead, line: &'a mut Vec<u8>) -> Result<Option<&'a [u8]>, Failure> {
    line.clear();
    let read = input.by_ref().take(LINE_MAX as u64 + 1).read_until(b'\n', line);
    read.map_err(|error| Failure::new(FAILED, format!("cannot read standard input: {error}"), ""))?;
    if line.len() > LINE_MAX {
        return Err(Failure::new(
            WRONG,
            format!("a line is longer than {} MiB", LINE_MAX >> 20),
            "write one record a line",
        ));
    }
    if line.is_empty() {
        return Ok(None);
    }
    let content = line.strip_suffix(b"\n").unwrap_or(line);
    Ok(Some(content.strip_suffix(b"\r").unwrap_or(content)))
}

/// Key and value of a line; a line without the separator has no key.
fn split<'a>(line: &'a [u8], separator: Option<&str>) -> (Option<&'a [u8]>, &'a [u8]) {
    let separator = separator.map(str::as_bytes).filter(|separator| !separator.is_empty());
    let found = separator.and_then(|separator| {
        let at = line.windows(separator.len()).position(|window| window == separator)?;
        Some((&line[..at], &line[at + separator.len()..]))
    });
    found.map_or((None, line), |(key, value)| (Some(key), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_records_and_may_begin_with_a_key() {
        let mut input: &[u8] = b"a\r\n\nb";
        let mut line = Vec::new();
        let mut lines = Vec::new();
        while let Some(content) = next_line(&mut input, &mut line).unwrap() {
            lines.push(content.to_vec());
        }
        assert_eq!(lines, [b"a".to_vec(), b"".to_vec(), b"b".to_vec()]);
        assert_eq!(split(b"k::v::w", Some("::")), (Some(b"k".as_slice()), b"v::w".as_slice()));
        assert_eq!(split(b"kv", Some("::")), (None, b"kv".as_slice()));
        assert_eq!(split(b"k:v", None), (None, b"k:v".as_slice()));
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut input = io::BufReader::new(io::repeat(b'x'));
        assert!(next_line(&mut input, &mut Vec::new()).is_err());
    }
}
