//! How long expressions take over a batch of 65,536 rows.

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::diagnostic::{Diagnostics, Files, Span};
use engine::expr::Expression;
use engine::schema::{Column, ColumnType, Schema};
use engine::spec::Spanned;

const ROWS: i64 = 65_536;

fn schema() -> Schema {
    Schema::new(vec![Column::new("viewer_count", ColumnType::Int), Column::new("game_name", ColumnType::String)])
}

fn batch() -> RecordBatch {
    let viewers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS).map(|row| row * 7919 % 30_000)));
    let games: ArrayRef =
        Arc::new(StringViewArray::from_iter_values((0..ROWS).map(|row| format!("game number {}", row % 100))));
    RecordBatch::try_new(schema().arrow(), vec![viewers, games]).expect("columns fit the schema")
}

fn expression(text: &str) -> Expression {
    let mut files = Files::default();
    let file = files.add("bench.yaml", text);
    let spanned = Spanned::new(text.to_owned(), Span { file, start: 0, end: text.len() });
    Expression::parse(&spanned, &schema(), &files, &mut Diagnostics::default()).expect("the expression is right")
}

fn expressions(criterion: &mut Criterion) {
    let batch = batch();
    let mut group = criterion.benchmark_group("expr");
    group.throughput(Throughput::Elements(ROWS.unsigned_abs()));
    for text in ["viewer_count > 1000", "viewer_count > 1000 and game_name like 'game%' and 10 / viewer_count >= 0"] {
        let predicate = expression(text).compile_predicate(&schema());
        group.bench_function(text, |bencher| bencher.iter(|| predicate.select(black_box(&batch))));
    }
    for text in [
        "viewer_count + 1",
        "upper(game_name)",
        "case when viewer_count > 25000 then 'High' when viewer_count > 15000 then 'Medium' else 'Low' end",
        "10 / viewer_count",
    ] {
        let evaluator = expression(text).compile(&schema());
        group.bench_function(text, |bencher| bencher.iter(|| evaluator.evaluate(black_box(&batch))));
    }
    group.finish();
}

criterion_group!(benches, expressions);
criterion_main!(benches);
