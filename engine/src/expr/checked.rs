//! Arithmetic that fails where DataFusion's wraps, saturates or gives an infinity.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, RecordBatch};
use arrow::compute::kernels::numeric::neg;
use arrow::datatypes::{DataType, Decimal128Type, FieldRef, Float64Type, Schema};
use arrow::util::display::array_value_to_string;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DataFusionError, Result, ScalarValue};
use datafusion_expr::{ColumnarValue, Operator};
use datafusion_physical_expr::expressions::{BinaryExpr, CastExpr, NegativeExpr, TryCastExpr};
use datafusion_physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::failure::{CAST, DIVISION_BY_ZERO, Fault, NOT_FINITE, OVERFLOW};
use super::type_name::{Family, type_name};

/// The most characters of a value that a message shows.
const SHOWN_CHARACTERS_MAX: usize = 40;

/// Makes every node of an expression that could give a wrong value fail instead.
pub(super) fn harden(root: Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    let hardened = root.transform_up(|node| {
        let Some((inner, operation)) = operation_of(&node, schema)? else {
            return Ok(Transformed::no(node));
        };
        Ok(Transformed::yes(Arc::new(Checked { inner, operation }) as Arc<dyn PhysicalExpr>))
    })?;
    Ok(hardened.data)
}

/// Whether an expression can fail for a row.
pub(super) fn can_fail(root: &Arc<dyn PhysicalExpr>) -> bool {
    root.downcast_ref::<Checked>().is_some() || root.children().into_iter().any(can_fail)
}

fn operation_of(node: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Option<(Arc<dyn PhysicalExpr>, Operation)>> {
    if let Some(binary) = node.downcast_ref::<BinaryExpr>() {
        let verb = match binary.op() {
            Operator::Plus => "addition",
            Operator::Minus => "subtraction",
            Operator::Multiply => "multiplication",
            Operator::Divide => "division",
            Operator::Modulo => "remainder",
            _ => return Ok(None),
        };
        let strict = binary.clone().with_fail_on_overflow(true);
        return Ok(Some((Arc::new(strict), Operation::Arithmetic(verb))));
    }
    if let Some(negative) = node.downcast_ref::<NegativeExpr>() {
        let strict = Negation { of: Arc::clone(negative.arg()) };
        return Ok(Some((Arc::new(strict), Operation::Arithmetic("negation"))));
    }
    if let Some(cast) = node.downcast_ref::<CastExpr>() {
        let always = cannot_fail(&cast.expr().data_type(schema)?, cast.cast_type());
        return Ok((!always).then(|| (Arc::clone(node), Operation::Cast)));
    }
    if node.downcast_ref::<TryCastExpr>().is_some() {
        return Ok(Some((Arc::clone(node), Operation::TryCast)));
    }
    let function = node.downcast_ref::<ScalarFunctionExpr>();
    Ok(function.map(|function| (Arc::clone(node), Operation::Function(function.name().to_owned()))))
}

fn cannot_fail(from: &DataType, to: &DataType) -> bool {
    let texts = Family::of(from) == Family::Text && Family::of(to) == Family::Text;
    let widening =
        from.is_integer() && (*to == DataType::Float64 || (*to == DataType::Int64 && *from != DataType::UInt64));
    *from == DataType::Null || texts || widening
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Operation {
    Arithmetic(&'static str),
    Cast,
    TryCast,
    Function(String),
}

/// A node whose errors become [`Fault`]s and whose floats are finite and never `-0.0`.
#[derive(Debug, Eq)]
struct Checked {
    inner: Arc<dyn PhysicalExpr>,
    operation: Operation,
}

impl PartialEq for Checked {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner) && self.operation == other.operation
    }
}

impl Hash for Checked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
        self.operation.hash(state);
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl PhysicalExpr for Checked {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let value = self.inner.evaluate(batch).map_err(|error| self.explain(&error, batch).raise())?;
        match value {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(self.judge(array, batch)?)),
            ColumnarValue::Scalar(scalar) => {
                let array = self.judge(scalar.to_array()?, batch)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?))
            }
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().unwrap_or_else(|| Arc::clone(&self.inner));
        Ok(Arc::new(Self { inner, operation: self.operation.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}

impl Checked {
    fn name(&self) -> String {
        match &self.operation {
            Operation::Arithmetic(verb) => (*verb).to_owned(),
            Operation::Cast | Operation::TryCast => "conversion".to_owned(),
            Operation::Function(name) => format!("`{name}`"),
        }
    }

    /// What an error of the inner node means. Values are named when the batch is a single row.
    fn explain(&self, error: &DataFusionError, batch: &RecordBatch) -> Fault {
        match (&self.operation, Fault::inside(error)) {
            (Operation::Cast, None) => self.explain_cast(batch).unwrap_or_else(|| Fault::of(error, &self.name())),
            _ => Fault::of(error, &self.name()),
        }
    }

    fn explain_cast(&self, batch: &RecordBatch) -> Option<Fault> {
        let cast = self.inner.downcast_ref::<CastExpr>()?;
        let value = cast.expr().evaluate(batch).ok()?.into_array(batch.num_rows()).ok()?;
        let from = Family::of(value.data_type());
        let code = if from == Family::Text { CAST } else { OVERFLOW };
        let to = type_name(cast.cast_type());
        if value.len() != 1 {
            return Some(Fault::new(code, format!("cannot convert to `{to}`")));
        }
        let text = array_value_to_string(&value, 0).ok()?;
        let mut shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Some(Fault::new(code, format!("cannot convert `{shown}` to `{to}`")))
    }

    /// Refuses values outside their type, and brings `-0.0` into its one form.
    fn judge(&self, array: ArrayRef, batch: &RecordBatch) -> Result<ArrayRef> {
        match array.data_type() {
            DataType::Float64 => self.judge_floats(array, batch),
            DataType::Decimal128(precision, _) => {
                let decimals: &Decimal128Array = array.as_primitive::<Decimal128Type>();
                let fits = decimals.validate_decimal_precision(*precision);
                fits.map_err(|_| {
                    Fault::new(OVERFLOW, format!("{} leaves the range of its type", self.name())).raise()
                })?;
                Ok(array)
            }
            _ => Ok(array),
        }
    }

    fn judge_floats(&self, array: ArrayRef, batch: &RecordBatch) -> Result<ArrayRef> {
        let floats: &Float64Array = array.as_primitive::<Float64Type>();
        let sound = |value: &f64| value.is_finite() && value.to_bits() != (-0.0_f64).to_bits();
        if floats.values().iter().all(sound) {
            return Ok(array);
        }
        if self.operation == Operation::TryCast {
            let finite = floats.iter().map(|value| value.filter(|value| value.is_finite()).map(|value| value + 0.0));
            return Ok(Arc::new(finite.collect::<Float64Array>()));
        }
        if let Some(row) = floats.iter().position(|value| value.is_some_and(|value| !value.is_finite())) {
            return Err(self.not_finite(row, batch).raise());
        }
        Ok(Arc::new(floats.iter().map(|value| value.map(|value| value + 0.0)).collect::<Float64Array>()))
    }

    fn not_finite(&self, row: usize, batch: &RecordBatch) -> Fault {
        if self.divides_by_zero(row, batch) == Some(true) {
            return Fault::new(DIVISION_BY_ZERO, "division by zero");
        }
        Fault::new(NOT_FINITE, format!("{} gives no finite number", self.name()))
    }

    fn divides_by_zero(&self, row: usize, batch: &RecordBatch) -> Option<bool> {
        let binary = self.inner.downcast_ref::<BinaryExpr>()?;
        if !matches!(binary.op(), Operator::Divide | Operator::Modulo) {
            return None;
        }
        let divisor = binary.right().evaluate(batch).ok()?.into_array(batch.num_rows()).ok()?;
        let divisor = divisor.as_primitive_opt::<Float64Type>()?;
        (row < divisor.len()).then(|| divisor.value(row) == 0.0)
    }
}

/// Unary minus that fails on overflow.
#[derive(Debug, Eq)]
struct Negation {
    of: Arc<dyn PhysicalExpr>,
}

impl PartialEq for Negation {
    fn eq(&self, other: &Self) -> bool {
        self.of.eq(&other.of)
    }
}

impl Hash for Negation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.of.hash(state);
    }
}

impl fmt::Display for Negation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(- {})", self.of)
    }
}

impl PhysicalExpr for Negation {
    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.of.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        Ok(match self.of.evaluate(batch)? {
            ColumnarValue::Array(array) => ColumnarValue::Array(neg(&array)?),
            ColumnarValue::Scalar(scalar) => {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&neg(&scalar.to_array()?)?, 0)?)
            }
        })
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.of]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self { of: children.pop().unwrap_or_else(|| Arc::clone(&self.of)) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
