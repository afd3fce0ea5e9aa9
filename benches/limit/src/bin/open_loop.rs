//! Sends records at fixed times and measures when a result has counted them, in the result's topic or table.
//!
//! open_loop --brokers B --in T (--out T | --url U --table T) [--rate 10000] [--seconds 30] [--warmup 10]

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use limit::samples::{Samples, now};
use limit::{fail, number, option, required};
use mysql::prelude::Queryable;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde::Deserialize;

const GAMES: u64 = 500;
/// How long an engine may take to start, and to answer the last record.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Result<'a> {
    game_name: &'a str,
    newest: i64,
}

struct Run {
    samples: Samples,
    /// What was due before this is practice.
    from: AtomicI64,
    answered: AtomicBool,
    over: AtomicBool,
}

fn main() {
    let brokers = required("--brokers");
    let run = Run { samples: Samples::default(), from: i64::MAX.into(), answered: false.into(), over: false.into() };
    thread::scope(|scope| {
        match option("--out") {
            Some(topic) => scope.spawn({
                let (run, brokers) = (&run, brokers.clone());
                move || read_topic(&brokers, &topic, run)
            }),
            None => scope.spawn(|| read_table(&required("--url"), &required("--table"), &run)),
        };
        send(&brokers, &required("--in"), &run);
        run.over.store(true, Ordering::Relaxed);
    });
    let open = run.samples.open();
    if open > 0 {
        fail(&format!("{open} records were not counted within {PATIENCE:?}"));
    }
    println!("{}", run.samples.summary());
}

fn send(brokers: &str, topic: &str, run: &Run) {
    let (rate, seconds, warmup): (f64, f64, f64) =
        (number("--rate", 10_000.0), number("--seconds", 30.0), number("--warmup", 10.0));
    let producer: ThreadedProducer<DefaultProducerContext> =
        (ClientConfig::new().set("bootstrap.servers", brokers).set("linger.ms", "1").set("acks", "1"))
            .create()
            .unwrap_or_else(|error| fail(&format!("no producer: {error}")));
    // A few records until the engine has begun to answer: its start is not its latency.
    let limit = Instant::now() + PATIENCE;
    while !run.answered.load(Ordering::Relaxed) {
        if Instant::now() > limit {
            fail("the engine answers nothing");
        }
        one(&producer, topic, 0, now(), run);
        thread::sleep(Duration::from_millis(100));
    }
    let begin = now() + 1000;
    run.from.store(begin + (warmup * 1e6) as i64, Ordering::Relaxed);
    let mut state = 1u64;
    for number in 0..(rate * (seconds + warmup)) as i64 {
        let due = begin + (number as f64 / rate * 1e6) as i64;
        let ahead = due - now();
        if ahead > 0 {
            thread::sleep(Duration::from_micros(ahead.max(500) as u64));
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The square makes some games much more frequent than others.
        let share = (state >> 33) as f64 / f64::from(1u32 << 31);
        one(&producer, topic, (share * share * GAMES as f64) as u64, due, run);
    }
    let _ = producer.flush(Duration::from_secs(10));
    let limit = Instant::now() + PATIENCE;
    while run.samples.open() > 0 && Instant::now() < limit {
        thread::sleep(Duration::from_millis(10));
    }
}

fn one(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, game: u64, due: i64, run: &Run) {
    let game = format!("Game {game:04}");
    let payload = format!(
        "{{\"user_name\":\"user_{}\",\"game_name\":\"{game}\",\"viewer_count\":{},\"sent\":{due}}}",
        due % 99_991,
        due % 5_003
    );
    run.samples.sent(&game, due);
    if let Err((error, _)) = producer.send(BaseRecord::to(topic).key(&game).payload(&payload)) {
        fail(&format!("{topic}: {error}"));
    }
}

fn read_topic(brokers: &str, topic: &str, run: &Run) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "bench-open-loop").set("enable.auto.commit", "false");
    config.set("fetch.wait.max.ms", "10").set("isolation.level", "read_committed");
    let consumer: BaseConsumer = config.create().unwrap_or_else(|error| fail(&format!("no consumer: {error}")));
    let metadata =
        consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap_or_else(|error| fail(&error.to_string()));
    let mut places = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        places
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .unwrap_or_else(|error| fail(&error.to_string()));
    }
    consumer.assign(&places).unwrap_or_else(|error| fail(&error.to_string()));
    while !run.over.load(Ordering::Relaxed) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        if let Some(Ok(result)) = message.payload().map(serde_json::from_slice::<Result<'_>>) {
            counted(&result, run);
        }
    }
}

fn read_table(url: &str, table: &str, run: &Run) {
    let options = mysql::Opts::from_url(url).unwrap_or_else(|error| fail(&format!("--url: {error}")));
    let mut connection = mysql::Conn::new(options).unwrap_or_else(|error| fail(&format!("no connection: {error}")));
    let query = connection
        .prep(format!("SELECT game_name, newest FROM {table}"))
        .unwrap_or_else(|error| fail(&error.to_string()));
    while !run.over.load(Ordering::Relaxed) {
        let rows: Vec<(String, i64)> = connection.exec(&query, ()).unwrap_or_else(|error| fail(&error.to_string()));
        for (game_name, newest) in &rows {
            counted(&Result { game_name, newest: *newest }, run);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn counted(result: &Result<'_>, run: &Run) {
    run.answered.store(true, Ordering::Relaxed);
    run.samples.answered(result.game_name, result.newest, run.from.load(Ordering::Relaxed));
}
