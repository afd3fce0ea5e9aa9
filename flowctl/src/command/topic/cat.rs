//! `flowctl topic cat`: prints the records of a topic.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::time::{Duration, Instant};

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use connectors::console::neutralise;
use engine::connector::{Bound, ConnectorError, Constant, OpenSource, Partition, Read, Records, Source};
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::stopping::stop_on_signals;
use crate::terminal::{Terminal, unwritable};

use super::Place;

/// How soon an interrupt is noticed.
const READ_WAIT: Duration = Duration::from_millis(100);

/// How long brokers may say nothing while there is more to read.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Print the records of a topic, the content of each on a line
#[derive(Args, Debug)]
pub(super) struct Cat {
    /// The topic
    topic: String,
    /// `earliest`, `latest`, or the time of the first record, as 2026-01-31T08:00:00Z
    #[arg(long, value_name = "WHERE", default_value = "earliest")]
    start: String,
    /// Do not end with the last record, but wait for more
    #[arg(short, long)]
    follow: bool,
    /// Print no more records than this
    #[arg(short = 'n', long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
    /// Print records as JSON, with partition, offset, timestamp and key
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Cat {
    pub(super) fn run(self, _terminal: &Terminal) -> Result<(), Failure> {
        let stop = stop_on_signals()?;
        let access = self.place.open(&stop)?;
        let source = access.source(&self.topic, &self.start);
        let (mut partitions, mut reader) = source.open(&OpenSource {
            resume: &BTreeMap::new(),
            anchors: &BTreeMap::new(),
            bound: if self.follow { Bound::Unbounded } else { Bound::Now },
            wanted: &[self.json, self.json, false],
            context: access.context(),
        })?;
        let mut out = BufWriter::new(io::stdout().lock());
        let mut silence = Silence { since: Instant::now(), bound: (!self.follow).then_some(SILENCE_MAX) };
        let mut printer = Printer { json: self.json, plain: !io::stdout().is_terminal(), left: self.limit };
        while printer.left > 0 && !stop.is_set() {
            let read = reader.read(READ_WAIT)?;
            silence.hear(&read, self.place.brokers())?;
            let printed = match read {
                Read::Records(records) => {
                    let partition = &partitions[records.partition.0 as usize];
                    printer.print(&mut out, partition, &records).and_then(|()| out.flush())
                }
                Read::Discovered(more) => {
                    partitions.extend(more);
                    Ok(())
                }
                Read::Reached(..) | Read::Idle => Ok(()),
                Read::End => break,
            };
            match printed {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                printed => printed.map_err(|error| unwritable(&error))?,
            }
        }
        Ok(())
    }
}

/// How long nothing has come.
struct Silence {
    since: Instant,
    /// How long that may be; without end if records are only waited for.
    bound: Option<Duration>,
}

impl Silence {
    /// Takes note of what came. What was there at the opening comes at once, unless the brokers are gone.
    fn hear(&mut self, read: &Read, brokers: &str) -> Result<(), ConnectorError> {
        if !matches!(read, Read::Idle) {
            self.since = Instant::now();
        }
        match self.bound {
            Some(bound) if self.since.elapsed() >= bound => Err(ConnectorError::unavailable(
                format!("nothing came from {brokers} for {} s, though not all records are read", bound.as_secs()),
                "see whether the brokers run; `--follow` waits for as long as it takes",
            )),
            _ => Ok(()),
        }
    }
}

struct Printer {
    json: bool,
    /// Whether content goes out byte by byte, since no terminal can take it for commands.
    plain: bool,
    left: u64,
}

impl Printer {
    fn print(&mut self, out: &mut impl Write, partition: &Partition, records: &Records) -> io::Result<()> {
        let spans = records.spans();
        for (at, span) in spans.values.iter().enumerate() {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let value = span.as_ref().map(|span| records.value(span));
            if self.json {
                let line = envelope(partition, records, at, spans.offsets.at(at), value).to_string();
                writeln!(out, "{}", if self.plain { line.into() } else { neutralise(&line) })?;
            } else if self.plain {
                out.write_all(value.unwrap_or_default())?;
                out.write_all(b"\n")?;
            } else {
                writeln!(out, "{}", neutralise(&String::from_utf8_lossy(value.unwrap_or_default())))?;
            }
        }
        Ok(())
    }
}

/// A record with all that comes with it. Content that is JSON stands as JSON, other text as text, and other bytes as `base64`.
fn envelope(partition: &Partition, records: &Records, at: usize, offset: u64, value: Option<&[u8]>) -> Value {
    let constant = |place: usize| match partition.constants.get(place) {
        Some(Constant::Text(text)) => json!(text),
        Some(Constant::Int(int)) => json!(int),
        None => Value::Null,
    };
    let time = records.metadata.first().and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
    let time = time.filter(|times| times.is_valid(at)).and_then(|times| times.value_as_datetime(at));
    let keys = records.metadata.get(1).and_then(|keys| keys.as_string_view_opt());
    let key = keys.filter(|keys| keys.is_valid(at)).map(|keys| keys.value(at));
    let (name, content) = match value.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => ("value", Value::Null),
        Some((_, Ok(text))) => ("value", serde_json::from_str(text).unwrap_or_else(|_| text.into())),
        Some((bytes, Err(_))) => ("base64", BASE64_STANDARD.encode(bytes).into()),
    };
    json!({
        "topic": constant(0),
        "partition": constant(1),
        "offset": offset,
        "timestamp": time.map(|time| format!("{}Z", time.format("%Y-%m-%dT%H:%M:%S%.6f"))),
        "key": key,
        name: content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_that_say_nothing_end_it_unless_records_are_waited_for() {
        let long_ago = Instant::now() - 2 * SILENCE_MAX;
        let mut silence = Silence { since: long_ago, bound: Some(SILENCE_MAX) };
        let error = silence.hear(&Read::Idle, "h:9092").expect_err("silent for a minute").to_string();
        assert!(error.contains("h:9092") && error.contains("30 s"), "{error}");
        silence.hear(&Read::End, "h:9092").expect("it has come to the end");
        silence.hear(&Read::Idle, "h:9092").expect("silent for no time");
        Silence { since: long_ago, bound: None }.hear(&Read::Idle, "h:9092").expect("it may wait");
    }
}
