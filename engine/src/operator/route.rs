//! `route: { ARM: CONDITION }` sends each row to the first arm whose condition is true.
//!
//! ```yaml
//! by_size: { from: streams, route: { high: viewer_count > 25000, mid: viewer_count > 15000, low: else } }
//! ```
//! Arms are used as `from: by_size.high`. A row that no arm takes is filtered. A condition that fails makes an error row. Keeps no state.

use crate::diagnostic::Code;
use crate::spec::{Entry, Key, Kind, Spanned, Value};

use super::{Checked, OperatorCheck, OperatorKind};

pub(super) const ROUTE: OperatorKind = OperatorKind {
    name: "route",
    about: "sends each row to the first arm whose condition is true",
    keys: &[Key::required(
        "route",
        Kind::Map(&Kind::Expression),
        "arms and conditions, in order; the last may be `else`",
    )],
    check,
};

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Checked {
    let arms = entry.map("route");
    let mut checked = Vec::new();
    for (index, (name, value)) in arms.iter().enumerate() {
        let Value::Word(text) = &value.value else { unreachable!("the key table asks for expressions") };
        context.new_name(name, "an arm");
        if text != "else" {
            checked.push((name.clone(), context.predicate(&Spanned::new(text.clone(), value.span))));
            continue;
        }
        if index + 1 < arms.len() {
            context
                .diagnostics
                .error(Code::BadValue, value.span, "`else` takes all that is left, so nothing can follow it")
                .hint("move it to the end");
        }
        checked.push((name.clone(), None));
    }
    if arms.is_empty() {
        context
            .diagnostics
            .error(Code::BadValue, entry.span_of("route"), "`route` has no arm")
            .hint("write each as `ARM: CONDITION`; the last may be `else`");
    }
    Checked::Route(checked)
}
