//! The format `json` as YAML names it.

use engine::connector::{DecodeRequest, Decoder, Format, FormatKind};
use engine::schema::Schema;

use super::decoder::{JsonDecoder, list_depth};

/// The deepest that lists may nest in a column's type; records themselves nest at most 64 levels.
const LIST_DEPTH_MAX: u32 = 32;

/// The format `json`.
#[derive(Clone, Copy, Debug)]
pub struct JsonKind;

impl FormatKind for JsonKind {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "one JSON object a record; fields by name, strictly RFC 8259"
    }

    fn check(&self, schema: &Schema) -> Result<Box<dyn Format>, (usize, String)> {
        match schema.columns.iter().position(|column| list_depth(&column.column_type) > LIST_DEPTH_MAX) {
            Some(column) => Err((column, format!("lists may nest at most {LIST_DEPTH_MAX} levels"))),
            None => Ok(Box::new(Json)),
        }
    }
}

#[derive(Debug)]
struct Json;

impl Format for Json {
    fn decoder(&self, request: &DecodeRequest) -> Box<dyn Decoder> {
        Box::new(JsonDecoder::new(request))
    }
}
