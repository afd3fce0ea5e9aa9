//! How fast records become columns: the hot path of every pipeline. Divide a time by the number of records in its name.

use std::hint::black_box;

use arrow::buffer::Buffer;
use connectors::format::json::JsonKind;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::connector::{DecodeRequest, FormatKind, PartitionIndex, Records};
use engine::schema::{Column, ColumnType, Schema};

fn schema() -> Schema {
    Schema::new(vec![
        Column::new("user_name", ColumnType::String),
        Column::new("game_name", ColumnType::String),
        Column::new("viewer_count", ColumnType::Int),
        Column::new("started_at", ColumnType::Timestamp),
    ])
}

/// About 1 MiB of records as the shipped pipelines write them; `separator` stands between keys and values.
fn records(separator: &str) -> Records {
    const GAMES: [&str; 5] = ["Just Chatting", "League of Legends", "VALORANT", "Grand Theft Auto V", "Chess"];
    let mut text = String::new();
    let mut random: u32 = 1;
    while text.len() < 1 << 20 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (user, game) = (random >> 12, GAMES[(random >> 8) as usize % GAMES.len()]);
        let (viewers, minute, second) = (random >> 16, (random >> 4) % 60, (random >> 20) % 60);
        text += &format!(
            "{{\"user_name\"{separator}\"user_{user:07}\",\"game_name\"{separator}\"{game}\",\"viewer_count\"{separator}{viewers},\"started_at\"{separator}\"2026-01-05T00:{minute:02}:{second:02}Z\"}}\n"
        );
    }
    Records::of_lines(PartitionIndex(0), 0, Buffer::from(text.into_bytes()))
}

fn decode(criterion: &mut Criterion) {
    let schema = schema();
    let format = JsonKind.check(&schema).expect("the schema suits");
    let request = DecodeRequest { schema, wanted: vec![true; 4] };
    for (name, separator) in [("compact", ":"), ("spaced", ": ")] {
        let records = records(separator);
        let spans = records.spans();
        let count = spans.values.len();
        let mut group = criterion.benchmark_group(format!("json_{name}_{count}"));
        group.throughput(Throughput::Elements(count as u64));
        for (label, columns) in [("scan", 0..0), ("scan_int", 2..3), ("scan_strings", 0..2), ("scan_all", 0..4)] {
            let mut decoder = format.decoder(&request);
            group.bench_function(label, |bencher| {
                bencher.iter(|| {
                    let verdicts = decoder.scan(&records, &spans);
                    assert!(verdicts.bad.is_empty());
                    for column in columns.clone() {
                        black_box(decoder.column(column, &verdicts.good));
                    }
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
