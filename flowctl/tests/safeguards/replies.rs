//! Commits whose reply is lost, on a real server and real brokers.

use std::time::Duration;

use engine::safeguard::Safeguard;

use super::fault_proxy::{Fault, FaultProxy};
use super::mysql_proxy::{Cut, Proxy};
use super::stage::{Running, Stage};

/// Longer than the order to commit a Kafka transaction is waited for.
const DARKNESS: Duration = Duration::from_secs(15);

pub(crate) fn a_server_does_not_answer(without: Option<Safeguard>) -> Result<(), String> {
    let url = std::env::var("MYSQL_URL").unwrap();
    let (user, rest) = url.split_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let proxy = Proxy::new(server.to_owned());
    let url = format!("{user}@127.0.0.1:{}/{database}", proxy.port);
    let table = format!("safeguards_{}_{}", std::process::id(), without.is_some());
    let sink = format!("{{ from: s, mysql: {{ url: '{url}', table: {table}, create: true }} }}");
    let stage = Stage::following(&sink, without);
    let mut run = begin(&stage)?;
    proxy.cut_next(Cut::BeforeAnswer);
    stage.append_row("1", ("a", 2));
    stage.awaits("the cut", || proxy.has_cut())?;
    end(&stage, &mut run)
}

pub(crate) fn brokers_do_not_answer(without: Option<Safeguard>) -> Result<(), String> {
    let proxy = FaultProxy::new(&std::env::var("KAFKA_BROKERS").unwrap());
    let topic = format!("safeguards-{}-{}", std::process::id(), without.is_some());
    let sink = format!("{{ from: s, kafka: {{ brokers: '{}', topic: {topic} }} }}", proxy.address);
    let stage = Stage::following(&sink, without);
    let mut run = begin(&stage)?;
    proxy.lose(Fault::LoseReply);
    stage.append_row("1", ("a", 2));
    proxy.await_loss();
    // As long as the brokers are out of reach nothing else can happen.
    std::thread::sleep(DARKNESS);
    proxy.lift();
    end(&stage, &mut run)
}

/// Starts a run, and waits until its first row is committed.
fn begin(stage: &Stage) -> Result<Running, String> {
    let run = stage.starts(&["--state", "state"]);
    stage.awaits("the first row", || stage.committed() >= 1)?;
    Ok(run)
}

/// Waits until the second row is committed, ends the run, and reads back what the sink holds.
fn end(stage: &Stage, run: &mut Running) -> Result<(), String> {
    stage.awaits("the second row", || stage.committed() >= 2 || run.ended().is_some())?;
    if run.ended().is_none() {
        run.signal("-TERM");
    }
    stage.awaits("the end", || run.ended().is_some())?;
    if run.ended() != Some(Some(0)) {
        return Err(format!("the run ends with {:?}: {}", run.ended(), stage.lines("said").join("\n")));
    }
    let verified = stage.command(&["verify", "p.yaml", "--state", "state"]).output().unwrap();
    let said = String::from_utf8_lossy(&[verified.stdout, verified.stderr].concat()).into_owned();
    if verified.status.success() { Ok(()) } else { Err(said) }
}
