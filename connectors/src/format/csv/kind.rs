//! The format `csv` as YAML names it.

use engine::connector::{DecodeRequest, Decoder, Format, FormatKind};
use engine::schema::{ColumnType, Schema};

use super::decoder::CsvDecoder;

/// The format `csv`.
#[derive(Clone, Copy, Debug)]
pub struct CsvKind;

impl FormatKind for CsvKind {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "comma-separated fields (RFC 4180) with a header line that names the columns"
    }

    fn check(&self, schema: &Schema) -> Result<Box<dyn Format>, (usize, String)> {
        match schema.columns.iter().position(|column| matches!(column.column_type, ColumnType::List(_))) {
            Some(column) => Err((column, "the format `csv` has no lists; read it as `json` or `string`".into())),
            None => Ok(Box::new(Csv)),
        }
    }
}

#[derive(Debug)]
struct Csv;

impl Format for Csv {
    fn decoder(&self, request: &DecodeRequest) -> Box<dyn Decoder> {
        Box::new(CsvDecoder::new(request))
    }
}
