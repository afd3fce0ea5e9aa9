//! The rows that a file holds, read back as its sink has written them.

use std::path::Path;

use engine::connector::{ConnectorError, DecodeRequest, Decoder, FormatKind, Held, PartitionIndex, Records};
use engine::schema::Schema;

use crate::format::csv::CsvKind;
use crate::format::decode_all;
use crate::format::json::JsonKind;

use super::cut::Separation;
use super::part::Part;
use super::pattern::Found;
use super::writer::RowFormat;

/// Reads the first `length` bytes of a file that a sink has written.
///
/// # Errors
/// The file cannot be read, or an error of `take`.
pub(super) fn read_rows(
    path: &Path,
    length: u64,
    format: RowFormat,
    schema: &Schema,
    take: &mut dyn FnMut(Held) -> Result<(), ConnectorError>,
) -> Result<(), ConnectorError> {
    let id = path.display().to_string();
    let separation = match format {
        RowFormat::Json => Separation::Lines,
        RowFormat::Csv => Separation::Csv,
    };
    let found = Found { id, path: path.to_owned() };
    let mut part = Part::open(found, PartitionIndex(0), separation, 0, true)?.ending_at(length);
    let mut reader = RowReader { path, schema, decoder: decoder(format, schema)?, take };
    while let Some(records) = part.read()? {
        reader.decode(&records)?;
    }
    Ok(())
}

fn decoder(format: RowFormat, schema: &Schema) -> Result<Box<dyn Decoder>, ConnectorError> {
    let checked = match format {
        RowFormat::Json => JsonKind.check(schema),
        RowFormat::Csv => CsvKind.check(schema),
    };
    let checked = checked.map_err(|(column, why)| {
        let what = format!("column `{}` cannot be read back: {why}", schema.columns[column].name);
        ConnectorError::refused(what, "nest lists less deep")
    })?;
    let request = DecodeRequest { schema: schema.clone(), wanted: vec![true; schema.columns.len()] };
    Ok(checked.decoder(&request))
}

struct RowReader<'a> {
    path: &'a Path,
    schema: &'a Schema,
    decoder: Box<dyn Decoder>,
    take: &'a mut dyn FnMut(Held) -> Result<(), ConnectorError>,
}

impl RowReader<'_> {
    fn decode(&mut self, records: &Records) -> Result<(), ConnectorError> {
        let (rows, bad) = decode_all(&mut *self.decoder, self.schema, records);
        let spans = records.spans();
        for bad in bad {
            let at = spans.offsets.at(bad.row as usize);
            (self.take)(Held::Foreign(format!("byte {at} of {}: {}", self.path.display(), bad.message)))?;
        }
        rows.map_or(Ok(()), |rows| (self.take)(Held::Rows(rows)))
    }
}
