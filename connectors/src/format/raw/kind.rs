//! The format `raw` as YAML names it.

use engine::connector::{DecodeRequest, Decoder, Format, FormatKind};
use engine::schema::{ColumnType, Schema};

use super::decoder::RawDecoder;

/// The format `raw`.
#[derive(Clone, Copy, Debug)]
pub struct RawKind;

impl FormatKind for RawKind {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn about(&self) -> &'static str {
        "the whole record as the text of the one column"
    }

    fn check(&self, schema: &Schema) -> Result<Box<dyn Format>, (usize, String)> {
        match schema.columns.as_slice() {
            [column] if column.column_type == ColumnType::String => Ok(Box::new(Raw)),
            [_] => Err((0, "the format `raw` fills a column of type `string`".into())),
            columns => {
                let message = format!("the format `raw` fills exactly one column, not {}", columns.len());
                Err((columns.len().min(2).saturating_sub(1), message))
            }
        }
    }
}

#[derive(Debug)]
struct Raw;

impl Format for Raw {
    fn decoder(&self, request: &DecodeRequest) -> Box<dyn Decoder> {
        Box::new(RawDecoder::new(request))
    }
}
