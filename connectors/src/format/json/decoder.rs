//! Judges records against a schema in one pass, and builds the columns that are asked for.

use arrow::array::ArrayRef;
use engine::connector::{BadRecord, DecodeRequest, Decoder, Records, Spans, Verdicts};
use engine::schema::{Column, ColumnType};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::super::build::{Origin, build_column};
use super::super::slots::{Place, Row, Slots};
use super::super::time::TimestampReader;
use super::super::utf8::Payload;
use super::grammar::{Malformed, end_of_key, malformed, skip_space, skip_value};
use super::layout::Layout;
use super::problem::Problem;
use super::string::unescape;
use super::value::{diagnose, read_value};

/// Decodes JSON records of one schema.
pub(super) struct JsonDecoder {
    judge: Judge,
    slots: Slots,
    /// The last batch, into which the slots point.
    payload: Payload,
}

impl JsonDecoder {
    pub(super) fn new(request: &DecodeRequest) -> Self {
        let columns = request.schema.columns.clone();
        let names = columns.iter().enumerate().map(|(index, column)| (column.name.clone().into_bytes(), index));
        Self {
            judge: Judge {
                names: names.collect(),
                required: columns.iter().filter(|column| !column.nullable).count(),
                seen: vec![0; columns.len()],
                columns,
                record: 0,
                layout: Layout::default(),
                timestamps: TimestampReader::default(),
            },
            slots: Slots::new(request),
            payload: Payload::default(),
        }
    }
}

impl Decoder for JsonDecoder {
    fn scan(&mut self, records: &Records, spans: &Spans) -> Verdicts {
        self.payload = Payload::of(records.payload.clone());
        self.slots.clear();
        let bytes = self.payload.bytes().as_slice();
        let mut verdicts = Verdicts { good: Vec::with_capacity(spans.values.len()), bad: Vec::new() };
        for (row, span) in (0..).zip(&spans.values) {
            let span = span.as_ref().map(|span| span.start as usize..span.end as usize);
            let mut cells = self.slots.add_record();
            let verdict = match span {
                None => Err(Problem::tombstone()),
                Some(span) if !Place::can_hold(span.start, span.end) => Err(Problem::too_large()),
                Some(span) if !self.payload.holds(span.clone()) => Err(Problem::not_utf8(&bytes[span])),
                Some(span) => self.judge.record(&bytes[..span.end], span.start, &mut cells),
            };
            match verdict {
                Ok(()) => verdicts.good.push(row),
                Err(Problem { code, message }) => verdicts.bad.push(BadRecord { row, code, message }),
            }
        }
        verdicts
    }

    fn column(&mut self, column: usize, rows: &[u32]) -> ArrayRef {
        let (cells, nulls) = self.slots.gather(column, rows);
        build_column(&self.judge.columns[column].column_type, cells, nulls, Origin { payload: &self.payload, unescape })
    }
}

/// Judges one record after the other.
struct Judge {
    columns: Vec<Column>,
    names: HashMap<Vec<u8>, usize, FixedState>,
    /// How many columns may not be null.
    required: usize,
    /// For each column, the last record that had it.
    seen: Vec<u64>,
    /// The number of this record, from 1.
    record: u64,
    layout: Layout,
    timestamps: TimestampReader,
}

/// What comes next in an object.
enum Next {
    /// The value at this position, for this column if for any.
    Value(usize, Option<usize>),
    /// Nothing: the object has ended before this position.
    End(usize),
}

impl Judge {
    /// Judges the record from `start` to the end of `bytes`. Text that is no JSON is said before fields that are wrong, wrong fields in the
    /// order in which they stand, and missing ones last.
    fn record(&mut self, bytes: &[u8], start: usize, cells: &mut Row<'_>) -> Result<(), Problem> {
        if self.layout.follow(&self.columns, bytes, start, cells, &mut self.timestamps).is_some() {
            return Ok(());
        }
        self.record += 1;
        let mut missing = self.required;
        let mut wrong = None;
        let (members, end) = match self.members(bytes, start, cells, &mut missing, &mut wrong) {
            Ok(read) => read,
            Err(found) => return Err(self.explain(bytes, start, found)),
        };
        match wrong {
            Some(problem) => Err(problem),
            None if missing > 0 => Err(self.first_missing()),
            None => {
                self.layout.end(members, &bytes[end..]);
                Ok(())
            }
        }
    }

    /// How many members there are, and the position after the last value.
    #[inline]
    fn members(
        &mut self,
        bytes: &[u8],
        start: usize,
        cells: &mut Row<'_>,
        missing: &mut usize,
        wrong: &mut Option<Problem>,
    ) -> Result<(usize, usize), Malformed> {
        let mut at = start;
        let mut members = 0;
        let end = loop {
            let (value, column) = match self.layout.guess(members, bytes, at) {
                Some(guessed) => guessed,
                None => match self.next(members, bytes, at)? {
                    Next::Value(value, column) => (value, column),
                    Next::End(end) => break end,
                },
            };
            at = match column {
                Some(column) => self.field(column, bytes, value, cells, missing, wrong)?,
                None => skip_value(bytes, value, 1)?,
            };
            members += 1;
        };
        let rest = skip_space(bytes, end);
        if rest == bytes.len() { Ok((members, at)) } else { malformed(rest, "nothing after the object") }
    }

    /// Reads the value of a declared field.
    #[inline]
    fn field(
        &mut self,
        column: usize,
        bytes: &[u8],
        at: usize,
        cells: &mut Row<'_>,
        missing: &mut usize,
        wrong: &mut Option<Problem>,
    ) -> Result<usize, Malformed> {
        let Column { column_type, nullable, .. } = &self.columns[column];
        if self.seen[column] == self.record {
            return self.repeated_field(column, bytes, at, wrong);
        }
        self.seen[column] = self.record;
        *missing -= usize::from(!nullable);
        match read_value(column_type, bytes, at, 1, &mut self.timestamps) {
            Some((cell, end)) => {
                cells.set(column, cell);
                Ok(end)
            }
            None => self.odd_field(column, bytes, at, cells, wrong),
        }
    }

    #[cold]
    fn repeated_field(
        &self,
        column: usize,
        bytes: &[u8],
        at: usize,
        wrong: &mut Option<Problem>,
    ) -> Result<usize, Malformed> {
        wrong.get_or_insert_with(|| Problem::duplicate(&self.columns[column].name));
        skip_value(bytes, at, 1)
    }

    /// Reads a value that was none at first sight: spaces stand before it, it is null, or it is wrong.
    #[inline(never)]
    fn odd_field(
        &mut self,
        column: usize,
        bytes: &[u8],
        at: usize,
        cells: &mut Row<'_>,
        wrong: &mut Option<Problem>,
    ) -> Result<usize, Malformed> {
        let Column { column_type, nullable, name } = &self.columns[column];
        let at = skip_space(bytes, at);
        let end = skip_value(bytes, at, 1)?;
        match read_value(column_type, bytes, at, 1, &mut self.timestamps) {
            Some((cell, _)) => cells.set(column, cell),
            None if *nullable && bytes[at] == b'n' => {}
            None => {
                wrong.get_or_insert_with(|| diagnose(column_type, &bytes[at..end], &format!("field `{name}`")));
            }
        }
        Ok(end)
    }

    /// Finds the next member of an object without the help of the last record's layout, and remembers where it stood.
    fn next(&mut self, member: usize, bytes: &[u8], gap: usize) -> Result<Next, Malformed> {
        let at = skip_space(bytes, gap);
        let key = match (bytes.get(at), member) {
            (Some(b'{'), 0) => skip_space(bytes, at + 1),
            (_, 0) => return malformed(at, "an object"),
            (Some(b','), _) => skip_space(bytes, at + 1),
            (Some(b'}'), _) => return Ok(Next::End(at + 1)),
            _ => return malformed(at, "`,` or `}`"),
        };
        if member == 0 && bytes.get(key) == Some(&b'}') {
            return Ok(Next::End(key + 1));
        }
        let (key_end, colon) = end_of_key(bytes, key)?;
        let value = skip_space(bytes, colon);
        let column = self.lookup(&bytes[key + 1..key_end - 1]);
        self.layout.learn(member, &bytes[gap..value], column);
        Ok(Next::Value(value, column))
    }

    /// The column of this name, as written between quotes.
    fn lookup(&self, written: &[u8]) -> Option<usize> {
        if !written.contains(&b'\\') {
            return self.names.get(written).copied();
        }
        let mut name = Vec::new();
        unescape(written, &mut name);
        self.names.get(name.as_slice()).copied()
    }

    /// The problem of a record that is no object, or not even JSON.
    #[cold]
    fn explain(&self, bytes: &[u8], start: usize, found: Malformed) -> Problem {
        let at = skip_space(bytes, start);
        if at == bytes.len() {
            return Problem::empty();
        }
        if bytes[at] == b'{' {
            return Problem::malformed(bytes, start, found);
        }
        match skip_value(bytes, at, 0).map(|end| (end, skip_space(bytes, end))) {
            Ok((end, rest)) if rest == bytes.len() => Problem::not_an_object(&bytes[at..end]),
            Ok((_, rest)) => {
                let Err(trailing) = malformed::<()>(rest, "nothing after the value") else { return Problem::empty() };
                Problem::malformed(bytes, start, trailing)
            }
            Err(found) => Problem::malformed(bytes, start, found),
        }
    }

    #[cold]
    fn first_missing(&self) -> Problem {
        let is_missing = |(column, seen): &(&Column, &u64)| !column.nullable && **seen != self.record;
        let first = self.columns.iter().zip(&self.seen).find(is_missing);
        Problem::missing(first.map_or("", |(column, _)| &column.name))
    }
}

/// Whether lists nest in this type, and how deep.
pub(super) fn list_depth(kind: &ColumnType) -> u32 {
    match kind {
        ColumnType::List(element) => 1 + list_depth(element),
        _ => 0,
    }
}
