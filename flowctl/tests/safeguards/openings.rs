//! Two instances that take over Kafka topics on copies of one state, so that no lock stands between both, and with several producers or other sinks.

use std::time::{Duration, Instant};

use engine::safeguard::Safeguard;

use super::stage::{PATIENCE, Running, Stage, copy_folder};

/// What an instance is run with that ends soon.
const BRIEFLY: [&str; 2] = ["--until-idle", "300ms"];
/// Where an instance stops, within its opening.
const STOPS: &str = "topics.fenced=stop@1";
/// How long one that was replaced may go on.
const END: Duration = Duration::from_secs(10);
/// How often an instance with several producers is replaced. Which of them has the next turn when it wakes is left to chance; one of three is
/// shut out in any case.
const ROUNDS: u32 = 2;
const ROUNDS_WITHOUT: u32 = 8;

/// Names a topic that no test had before.
fn topic(of: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("safeguards-{of}-{}", now.as_nanos())
}

fn sink(topic: &str) -> String {
    format!("{{ from: s, kafka: {{ brokers: '${{KAFKA_BROKERS}}', topic: {topic} }} }}")
}

/// A stage whose first row is in the topic; `wide.yaml` writes it together with another.
fn narrow(topic: &str, without: Option<Safeguard>) -> Stage {
    let stage = Stage::following(&sink(topic), without);
    let narrow = std::fs::read_to_string(stage.path("p.yaml")).unwrap();
    stage.write("wide.yaml", &format!("{narrow}  more: {}\n", sink(&format!("{topic}-more"))));
    stage
}

fn start_wide(stage: &Stage, state: &str) -> Running {
    stage.start(stage.command(&["run", "wide.yaml", "--state", state]).env("FLOWCTL_FAILPOINT", STOPS))
}

/// The topic holds these values, each once.
fn requires(stage: &Stage, topic: &str, values: &[i64]) -> Result<(), String> {
    let found = stage.records(topic, "k: string, v: int");
    let expected: Vec<String> = values.iter().map(|v| format!("{{\"k\":\"a\",\"v\":{v}}}")).collect();
    if found == expected { Ok(()) } else { Err(format!("{topic}: {found:?} instead of {expected:?}")) }
}

/// Waits until an instance ends, which it only does if it knows that it was replaced.
fn await_end(instance: &mut Running) {
    let deadline = Instant::now() + END;
    while instance.ended().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Two instances open the same topics, with other sinks beside them.
pub(crate) fn one_sleeps_while_another_takes_over(without: Option<Safeguard>) -> Result<(), String> {
    the_newer_one_sleeps(without)?;
    the_earlier_one_sleeps(without)
}

/// While it sleeps, the one that it replaces wakes, and goes on.
fn the_newer_one_sleeps(without: Option<Safeguard>) -> Result<(), String> {
    let topic = topic("newer");
    let stage = narrow(&topic, without);
    let mut first = stage.starts(&["--state", "state"]);
    stage.awaits("the first row", || stage.committed() >= 1)?;
    let before = stage.committed();
    first.signal("-STOP");
    copy_folder(&stage.path("state"), &stage.path("copy"));
    let mut second = start_wide(&stage, "copy");
    stage.awaits("the stop of the second", || second.is_stopped())?;
    stage.append_row("1", ("a", 2));
    first.signal("-CONT");
    stage.awaits("the second row", || stage.committed() > before || first.ended().is_some())?;
    second.signal("-CONT");
    // It finds a row in the topic that its copy of the journal does not know. The other one is shut out by then.
    await_end(&mut second);
    stage.append_row("1", ("a", 3));
    await_end(&mut first);
    drop((first, second));
    stage.run_with(&[BRIEFLY, ["--state", "state"]].concat())?;
    requires(&stage, &topic, &[1, 2, 3])
}

/// While it sleeps, a later one opens, writes and ends.
fn the_earlier_one_sleeps(without: Option<Safeguard>) -> Result<(), String> {
    let topic = topic("earlier");
    let stage = narrow(&topic, without);
    stage.run_with(&[BRIEFLY, ["--state", "state"]].concat())?;
    let mut first = start_wide(&stage, "state");
    stage.awaits("the stop of the first", || first.is_stopped())?;
    copy_folder(&stage.path("state"), &stage.path("copy"));
    stage.append_row("1", ("a", 2));
    let second = [BRIEFLY, ["--state", "copy"]].concat();
    stage.run_with(&second)?;
    first.signal("-CONT");
    await_end(&mut first);
    drop(first);
    stage.run_with(&second)?;
    requires(&stage, &topic, &[1, 2])
}

/// An instance whose producers take turns is replaced, and wakes.
pub(crate) fn producers_take_turns(without: Option<Safeguard>) -> Result<(), String> {
    let rounds = if without.is_some() { ROUNDS_WITHOUT } else { ROUNDS };
    (0..rounds).try_for_each(|_| one_with_several_producers_wakes(without))
}

fn one_with_several_producers_wakes(without: Option<Safeguard>) -> Result<(), String> {
    let topic = topic("turns");
    let stage = Stage::following(&sink(&topic), without);
    let mut first =
        stage.start(stage.command(&["run", "p.yaml", "--state", "state"]).env("RUST_LOG", "warn,connectors=debug"));
    let mut last = 1;
    let deadline = Instant::now() + PATIENCE;
    let joined =
        |stage: &Stage| stage.lines("said").iter().filter(|line| line.contains("another producer joins")).count();
    while joined(&stage) < 2 {
        if Instant::now() >= deadline {
            return Err(format!("no other producers join: {:?}", stage.lines("said")));
        }
        last += 1;
        stage.append_row("1", ("a", last));
        std::thread::sleep(Duration::from_millis(3));
    }
    stage.awaits("all rows", || requires(&stage, &topic, &sorted(last)).is_ok())?;
    first.signal("-STOP");
    copy_folder(&stage.path("state"), &stage.path("copy"));
    let second = [BRIEFLY, ["--state", "copy"]].concat();
    stage.run_with(&second)?;
    stage.append_row("1", ("a", last + 1));
    first.signal("-CONT");
    stage.awaits("the last row", || first.ended().is_some() || requires(&stage, &topic, &sorted(last + 1)).is_ok())?;
    drop(first);
    stage.run_with(&second)?;
    requires(&stage, &topic, &sorted(last + 1))
}

/// The numbers up to one, in the order of their texts within a record.
fn sorted(last: i64) -> Vec<i64> {
    let mut numbers: Vec<i64> = (1..=last).collect();
    numbers.sort_by_key(|number| format!("{number}}}"));
    numbers
}
