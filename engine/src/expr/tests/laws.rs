//! Laws: a row's verdict is its own, arithmetic is exact or fails, and no text at all makes the reader panic.

use arrow::array::{Array, RecordBatch};
use proptest::prelude::*;

use crate::diagnostic::Diagnostics;
use crate::expr::{Expression, parse_aggregate, parse_order};

use super::rows::{batch_of, evaluate, expression, in_file, parse, schema, shown};

const POOL: &[&str] = &[
    "n + m",
    "n * n - m",
    "10 / n",
    "m % n",
    "n / m > 2 and n <> 0",
    "n <> 0 and 100 / n > 3 and m is not null",
    "n > 0 or 10 / m > 1",
    "m > 0 and (n = 0 or 7 / n > 0) and ok",
    "case when n <> 0 then m / n when m > 0 then 1 / m else -n end",
    "cast(note as int) + n",
    "try_cast(note as float) / x",
    "coalesce(m, 10 / n)",
    "x / m",
    "sqrt(x) * ln(n)",
    "note like '1%' and cast(note as int) > 5",
    "price / n",
    "abs(m) + length(note)",
    "n in (m, 10 / m)",
    "to_timestamp_micros(n) + interval '1 day'",
];

/// The values of `n`, `m`, `x` and `note`.
type Row = (i64, Option<i64>, Option<f64>, Option<String>);

prop_compose! {
    fn row()(
        n in prop_oneof![-2_i64..3, any::<i64>()],
        m in proptest::option::of(prop_oneof![-2_i64..3, any::<i64>()]),
        x in proptest::option::of(prop_oneof![Just(0.0), Just(-1.5), Just(1e308), -10.0..10.0]),
        note in proptest::option::of("[0-9a]{0,2}"),
    ) -> Row {
        (n, m, x, note)
    }
}

fn batch(rows: &[Row]) -> RecordBatch {
    let notes: Vec<Option<&str>> = rows.iter().map(|row| row.3.as_deref()).collect();
    batch_of(
        &rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.1).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.2).collect::<Vec<_>>(),
        &notes,
    )
}

/// An expression of whole numbers, and what it gives by plain checked arithmetic: `None` where it fails.
#[derive(Clone, Debug)]
enum Sum {
    N,
    M,
    Plus(Box<Sum>, i64),
    Two(char, Box<Sum>, Box<Sum>),
    Minus(Box<Sum>),
}

impl Sum {
    fn text(&self) -> String {
        match self {
            Self::N => "n".into(),
            Self::M => "m".into(),
            Self::Plus(left, right) => format!("({} + {right})", left.text()),
            Self::Two(sign, left, right) => format!("({} {sign} {})", left.text(), right.text()),
            Self::Minus(inner) => format!("(- {})", inner.text()),
        }
    }

    fn value(&self, n: i64, m: Option<i64>) -> Option<Option<i64>> {
        let of = |value: Option<i64>| value.map(Some);
        match self {
            Self::N => Some(Some(n)),
            Self::M => Some(m),
            Self::Plus(left, right) => left.value(n, m)?.map_or(Some(None), |left| of(left.checked_add(*right))),
            Self::Minus(inner) => inner.value(n, m)?.map_or(Some(None), |inner| of(inner.checked_neg())),
            Self::Two(sign, left, right) => {
                let (left, right) = (left.value(n, m)?, right.value(n, m)?);
                let (Some(left), Some(right)) = (left, right) else { return Some(None) };
                match sign {
                    '+' => of(left.checked_add(right)),
                    '-' => of(left.checked_sub(right)),
                    '*' => of(left.checked_mul(right)),
                    '/' => of(left.checked_div(right)),
                    _ if right == -1 => Some(Some(0)),
                    _ => of(left.checked_rem(right)),
                }
            }
        }
    }
}

fn sum() -> impl Strategy<Value = Sum> {
    prop_oneof![Just(Sum::N), Just(Sum::M)].prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), any::<i64>()).prop_map(|(left, right)| Sum::Plus(Box::new(left), right)),
            inner.clone().prop_map(|inner| Sum::Minus(Box::new(inner))),
            (prop_oneof![Just('+'), Just('-'), Just('*'), Just('/'), Just('%')], inner.clone(), inner)
                .prop_map(|(sign, left, right)| Sum::Two(sign, Box::new(left), Box::new(right))),
        ]
    })
}

/// Reads a text in all ways; what it says must lie within the text.
fn read_all(text: &str) {
    let (parsed, diagnostics, _) = parse(&format!("x{text}"));
    assert!(parsed.is_some() != diagnostics.has_errors());
    let (spanned, files) = in_file(&format!("y{text}"));
    let spanned = crate::spec::Spanned::new(text.to_owned(), spanned.span);
    let mut diagnostics = Diagnostics::default();
    if let Some(expression) = Expression::parse(&spanned, &schema(), &files, &mut diagnostics) {
        let _ = expression.compile(&schema()).evaluate(&super::rows::batch());
    }
    let _ = parse_aggregate(&spanned, &schema(), &files, &mut diagnostics);
    let _ = parse_order(&spanned, &schema(), &files, &mut diagnostics);
    for found in diagnostics.sorted() {
        assert!(found.span.start <= found.span.end && found.span.end <= files.text(found.span.file).len());
    }
}

const WORDS: &[&str] = &[
    "n",
    "m",
    "x",
    "name",
    "ok",
    "day",
    "_timestamp",
    "price",
    "1",
    "0",
    "2.5",
    "'a'",
    "null",
    "true",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "%",
    "=",
    "<",
    ">",
    "<>",
    "||",
    "and",
    "or",
    "not",
    "is",
    "in",
    "between",
    "like",
    "case",
    "when",
    "then",
    "else",
    "end",
    "cast",
    "as",
    "int",
    "string",
    "::",
    "interval",
    "'1 day'",
    "date",
    "extract",
    "from",
    "hour",
    "upper",
    "round",
    "coalesce",
    "power",
    "sum",
    "where",
    "filter",
    "distinct",
    "over",
    "desc",
    "[",
    "]",
    "{",
    "}",
    "ö",
    "\"",
    "substring",
    "for",
    "position",
    "trim",
    "timestamp",
    "at",
    "time",
    "zone",
    "select",
    "exists",
    "array",
    "$1",
    "@",
    "->",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_row_gives_alone_what_it_gives_among_others(rows in proptest::collection::vec(row(), 1..40)) {
        let whole = batch(&rows);
        for text in POOL {
            let evaluator = expression(text).compile(&schema());
            let together = shown(&evaluator.evaluate(&whole));
            let alone: Vec<String> =
                (0..whole.num_rows()).flat_map(|row| shown(&evaluator.evaluate(&whole.slice(row, 1)))).collect();
            prop_assert_eq!(&together, &alone, "{}", text);
        }
    }

    #[test]
    fn selecting_a_row_does_not_depend_on_others(rows in proptest::collection::vec(row(), 1..40)) {
        let whole = batch(&rows);
        for text in POOL.iter().filter(|text| parse(text).0.is_some_and(|found| found.column_type().to_string() == "bool")) {
            let (parsed, ..) = parse(text);
            let predicate = parsed.expect("it was just parsed").compile_predicate(&schema());
            let together = predicate.select(&whole);
            prop_assert_eq!(together.rows.null_count(), 0);
            let failed: Vec<u32> = together.failures.iter().map(|failure| failure.row).collect();
            for row in 0..whole.num_rows() {
                let alone = predicate.select(&whole.slice(row, 1));
                prop_assert_eq!(alone.rows.value(0), together.rows.value(row), "{} row {}", text, row);
                let fails = failed.contains(&u32::try_from(row).expect("few rows"));
                prop_assert_eq!(!alone.failures.is_empty(), fails, "{} row {}", text, row);
                prop_assert!(!(fails && together.rows.value(row)));
            }
        }
    }

    #[test]
    fn whole_numbers_are_exact_or_fail(sum in sum(), rows in proptest::collection::vec(row(), 1..20)) {
        let given = shown(&evaluate(&sum.text(), &batch(&rows)));
        for (row, given) in rows.iter().zip(given) {
            match sum.value(row.0, row.1) {
                None => prop_assert!(given.starts_with("expr."), "{} gives {given} for {row:?}", sum.text()),
                Some(None) => prop_assert_eq!(given, "null"),
                Some(Some(value)) => prop_assert_eq!(given, value.to_string()),
            }
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,60}") {
        read_all(&text);
    }

    #[test]
    fn any_words_are_read_without_panic(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..24)) {
        read_all(&words.join(" "));
    }
}

#[test]
fn deep_and_long_texts_are_refused_in_time() {
    let start = std::time::Instant::now();
    for text in [
        "(".repeat(5000),
        format!("{}n{}", "(".repeat(5000), ")".repeat(5000)),
        "not ".repeat(4000),
        format!("{}n", "not(".repeat(60)),
        "- ".repeat(4000),
        format!("n{}", "+n".repeat(8000)),
        format!("n{}", "+n".repeat(700)),
        format!("n{}", "::int".repeat(700)),
        format!("n{}", " is null".repeat(600)),
        "case when ".repeat(1000),
        format!("{}n", "case when not(".repeat(60)),
        format!("{}1{}", "abs(".repeat(1000), ")".repeat(1000)),
        format!("{}1{}", "abs(".repeat(62), ")".repeat(62)),
        format!("{}n", "cast(".repeat(60)),
        format!("{}n", "interval ".repeat(700)),
        format!("{}n", "interval(".repeat(700)),
        format!("{}n", "interval - ".repeat(700)),
        format!("cast(n as {}int", "array<".repeat(700)),
        format!("cast(n as {}int", "array(".repeat(700)),
        format!("(select 1 from {}", "(".repeat(1400)),
        format!("{}1", "(select ".repeat(700)),
        format!("n in {}1", "(".repeat(1400)),
        format!("exists {}1", "(".repeat(1400)),
        format!("{}1", "array(select ".repeat(400)),
        format!("{}1", "exists(select ".repeat(400)),
        format!("{}n", "x -> ".repeat(700)),
        format!("{}n", "case n when ".repeat(60)),
        format!("{}n", "position(n in ".repeat(60)),
        "[".repeat(4000),
        format!("n{}", "[1]".repeat(400)),
        "{".repeat(700),
        "'".to_owned(),
        "n in (".repeat(200),
        format!("n{}", " between 1 and n".repeat(300)),
        "x".repeat(20_000),
    ] {
        read_all(&text);
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    assert!(parse(&format!("{}n{}", "(".repeat(60), ")".repeat(60))).0.is_some());
}

#[test]
fn no_function_ends_the_process() {
    let arguments = ["n", "m", "x", "note", "started_at", "price", "-9223372036854775808", "'a'"];
    let extremes = [Some(i64::MIN), None, Some(-1), Some(0), Some(7), Some(i64::MAX)];
    let notes = [Some(""), Some("öö\u{1F600}a"), None, Some("2024-01-01"), Some("%"), Some("1,2")];
    let floats = [Some(0.0), Some(-1e308), Some(1.5), None, Some(5e-324)];
    let rows: Vec<_> = (0..36)
        .map(|at| (extremes[at / 6].unwrap_or(1), extremes[at % 6], floats[at % 5], notes[at % 6].map(str::to_owned)))
        .collect();
    let whole = batch(&rows);
    let mut evaluated = 0;
    for function in crate::expr::functions() {
        let pairs = arguments.iter().flat_map(|a| arguments.iter().map(move |b| format!("{a}, {b}")));
        for list in arguments.iter().map(ToString::to_string).chain(pairs) {
            if let (Some(expression), ..) = parse(&format!("{function}({list})")) {
                assert_eq!(expression.compile(&schema()).evaluate(&whole).values.len(), rows.len());
                evaluated += 1;
            }
        }
    }
    assert!(evaluated > 500, "{evaluated}");
}
