//! `seconds_between(a, b)` and `minutes_between(a, b)`: the time from `a` to `b` as a number.

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::compute::kernels::arity::try_binary;
use arrow::datatypes::{DataType, Field, FieldRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion_common::Result;
use datafusion_common::cast::as_primitive_array;
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::schema::ColumnType;

/// Both functions.
pub(super) fn elapsed_functions() -> Vec<Arc<ScalarUDF>> {
    [("seconds_between", 1_000_000.0), ("minutes_between", 60_000_000.0)]
        .map(|(name, micros)| Arc::new(ScalarUDF::new_from_impl(Elapsed::new(name, micros))))
        .to_vec()
}

/// How far the second timestamp is after the first, as a float in a unit; negative if it is before.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Elapsed {
    name: &'static str,
    signature: Signature,
    /// Bits of the unit's length in microseconds.
    unit: u64,
}

impl Elapsed {
    fn new(name: &'static str, micros: f64) -> Self {
        let timestamp = ColumnType::Timestamp.arrow();
        let signature = Signature::exact(vec![timestamp.clone(), timestamp], Volatility::Immutable);
        Self { name, signature, unit: micros.to_bits() }
    }
}

impl ScalarUDFImpl for Elapsed {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name, DataType::Float64, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [from, to] = arrays.as_slice() else {
            return datafusion_common::plan_err!("{} takes two timestamps", self.name);
        };
        let from = as_primitive_array::<TimestampMicrosecondType>(from)?;
        let to = as_primitive_array::<TimestampMicrosecondType>(to)?;
        let unit = f64::from_bits(self.unit);
        let between: Float64Array = try_binary(from, to, |from: i64, to: i64| {
            let micros =
                to.checked_sub(from).ok_or_else(|| ArrowError::ArithmeticOverflow("the time between".to_owned()))?;
            let micros = micros as f64;
            Ok(micros / unit)
        })?;
        Ok(ColumnarValue::Array(Arc::new(between) as ArrayRef))
    }
}
