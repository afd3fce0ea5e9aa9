//! From a plan to its end: open everything, bring back the past, go on, settle, report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded, unbounded};
use tracing::info;

use crate::clock::Moment;
use crate::connector::{Committed, ConnectContext, Grid, Replay, StopFlag};
use crate::failpoint::{Failpoint, hit};
use crate::ownership::Ownership;
use crate::plan::{Plan, Report};
use crate::safeguard::Safeguard;

use super::RunError;
use super::checkpoint::{Checkpointer, CheckpointerStart, Expiry, remove_others, runs_folder};
use super::checkpoints::Checkpoints;
use super::committer::{Committer, Order};
use super::coordinator::{Coordinator, EPOCHS_IN_FLIGHT};
use super::digests::Digests;
use super::domains::{Domain, open_domains};
use super::epochs::Epochs;
use super::event::Event;
use super::history::{History, Summit};
use super::journal::{Base, SinkMark};
use super::letters::Letters;
use super::limits::Limits;
use super::memory::Memory;
use super::narrowing::narrow;
use super::opening::{open_source, start_source};
use super::options::{Ended, Observer, RunOptions, Summary};
use super::protocol::borders;
use super::rehearsal::{Rehearsal, recall_source};
use super::replay::Replayed;
use super::restarting::not_behind;
use super::resuming::{choose_beginning, known_starts, positions, sink_marks, sound_checkpoints};
use super::setting::Setting;
use super::state_folder::{StateFolder, make_folder, taken_over};
use super::status::CheckpointStatus;
use super::watch::{Life, Watch};
use super::worker::{Ports, SinkPort, Workers};

/// Runs a plan to its end, or until it is asked to stop. Whatever stopped it, results up to the last committed epoch stand.
pub fn run(plan: &Arc<Plan>, options: &RunOptions, observer: &dyn Observer) -> Ended {
    run_in(plan, options, observer, || Setting::real(plan, options))
}

/// Runs a plan in a setting of its own.
pub(super) fn run_in(
    plan: &Arc<Plan>,
    options: &RunOptions,
    observer: &dyn Observer,
    setting: impl FnOnce() -> Result<Setting, RunError>,
) -> Ended {
    let started = Moment::now();
    let flags = Flags { halt: options.stop.child(), abandon: StopFlag::default() };
    let opened = || {
        let setting = setting()?;
        let (ownership, path) = (Arc::clone(&setting.folder.ownership), setting.folder.path.clone());
        let opened = open(plan, options, setting, observer, started, &flags);
        opened.map_err(|error| taken_over(error, &ownership, &path))
    };
    match while_watching(options, started, &flags, opened) {
        Ok(opened) => conduct(opened, plan),
        // What waits for the outside is given up; what is wrong is said all the same.
        Err(error) if options.stop.is_set() && error.is_outage() => {
            info!("stopped before everything was open: {error}");
            Ended { summary: Summary::default(), outcome: Ok(()) }
        }
        Err(error) => Ended { summary: Summary::default(), outcome: Err(error) },
    }
}

/// What ends readers, and what sinks wait for.
struct Flags {
    halt: StopFlag,
    abandon: StopFlag,
}

/// A run about to begin.
struct Opened<'a> {
    coordinator: Coordinator<'a>,
    history: History,
    /// Held as long as the run lasts.
    folder: StateFolder,
}

/// Opening may wait for the outside: while it does, a request to stop reaches it, and so does the end of its time.
fn while_watching<T>(options: &RunOptions, started: Moment, flags: &Flags, open: impl FnOnce() -> T) -> T {
    #[cfg(test)]
    if crate::simulation::crew::is_there() {
        return open();
    }
    let (opened, open_still) = bounded::<()>(0);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while matches!(open_still.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout)) {
                let over = options.run_for.is_some_and(|time| started.elapsed() >= time);
                if over || options.stop.is_set() {
                    flags.halt.set();
                    flags.abandon.set();
                }
            }
        });
        let result = open();
        drop(opened);
        result
    })
}

/// Opens sinks, then sources, and starts all threads.
fn open<'a>(
    plan: &'a Arc<Plan>,
    options: &'a RunOptions,
    setting: Setting,
    observer: &'a dyn Observer,
    started: Moment,
    flags: &Flags,
) -> Result<Opened<'a>, RunError> {
    let Setting { folder, sinks, mut rehearsal } = setting;
    let context = |name: &str, fingerprint: &str, stop: &StopFlag| ConnectContext {
        pipeline: plan.name.clone(),
        name: name.to_owned(),
        state_id: folder.identity.state_id.clone(),
        generation: folder.identity.generation,
        fingerprint: fingerprint.to_owned(),
        state_root: options.state_root.clone(),
        state_folder: folder.path.clone(),
        taken_over: folder.ownership.is_taken_over(),
        predecessor: folder.ownership.predecessor().cloned(),
        variables: options.variables.clone(),
        stop: stop.clone(),
    };
    let owned = || folder.require_ownership();
    let (domains, held) = open_domains(plan, &sinks, &options.variables, &flags.abandon, &context, &owned)?;
    hit(Failpoint::SinksFenced).map_err(RunError::file(&folder.path))?;
    // Whoever has been taken over from may have fenced sinks behind its successor, and must not go on.
    folder.require_ownership()?;
    let summit = Summit::read(&folder.path, &epochs_held(&held))?;
    let marks = sink_marks(plan, &held, &summit, &folder)?;
    let checkpoints = sound_checkpoints(plan, &summit, &folder);
    let last = summit.last.epoch;
    let (checkpoint, borders) = match &mut rehearsal {
        Some(rehearsal) => (rehearsal.beginning(plan, &summit, &checkpoints, &folder)?, rehearsal.borders(last)),
        None => {
            let usable = not_behind(options.from, &checkpoints, &folder.path)?;
            let checkpoint = choose_beginning(plan, &summit, usable, &marks, &folder)?;
            (checkpoint, borders(marks.iter().map(|mark| mark.passed), last, EPOCHS_IN_FLIGHT as u64))
        }
    };
    let (mut history, reader) = History::read(&folder.path, checkpoint, summit.oldest.epoch, &borders)?;
    if let Some(rehearsal) = &rehearsal {
        rehearsal.adapt(&mut history);
    }
    let (record, starts, ends) = (history.last.clone(), history.starts.clone(), history.ends.clone());
    let (anchors, again) = (history.anchors.clone(), history.again.clone());
    let base = Base { record, starts, ends, anchors, again, before: None };
    let mut journal = reader.begin(folder.identity.generation, base, &history.unsettled)?;
    let positions = positions(plan, &mut history, &marks);
    // Bounded by the epochs in flight: each brings one report a worker and one mark a sink.
    let (events_in, events) = unbounded();
    let committers = start_committers(plan, domains, options.workers, &marks, &folder.ownership, &events_in)?;
    let checkpointer = start_checkpointer(plan, options.workers, &folder, &history, &summit, &events_in)?;
    if options.without.journal {
        journal.leave_out();
    }
    let kept = history.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.epoch);
    let kept = if options.without.checkpoints { u64::MAX } else { kept };
    let ports = Ports {
        sinks: ports(plan, &committers, &marks),
        events: events_in.clone(),
        checkpoints: checkpointer.reports.clone(),
        digests: !options.without.digests,
    };
    let workers = Workers::start(plan, options.workers, &ports, kept)?;
    let mut sources = Vec::new();
    for node in &plan.sources {
        let opened = if rehearsal.is_some() && node.source.replay() == Replay::Journal {
            recall_source(node, &history)?
        } else {
            open_source(node, plan.mode, &positions, &history, &context(&node.name, &node.fingerprint, &flags.halt))?
        };
        sources.push(start_source(node, opened, &history, &positions, &mut journal, &flags.halt)?);
    }
    let sink_names = plan.sinks.iter().map(|sink| sink.input.name.clone()).collect();
    let starts = known_starts(&history, &sources);
    let letters = Letters::new(plan, &marks);
    let mut epochs = Epochs::new(history.last.clone(), options.workers, marks, Digests::new(plan, &history.digests));
    epochs.checkpoint = history
        .checkpoint
        .as_ref()
        .map(|checkpoint| CheckpointStatus { epoch: checkpoint.epoch, made: history.checkpoint_clock });
    let coordinator = Coordinator {
        plan,
        options,
        rehearsal,
        halt: flags.halt.clone(),
        abandon: flags.abandon.clone(),
        generation: folder.identity.generation,
        folder: folder.path.clone(),
        ownership: Arc::clone(&folder.ownership),
        journal,
        letters,
        limits: Limits::new(plan),
        memory: Memory::new(plan.memory),
        sources,
        workers,
        committers,
        checkpointer,
        checkpoints: Checkpoints::new(
            runs_folder(&folder.path),
            folder.identity.generation,
            (!options.without.checkpoints).then_some(plan.checkpoint),
            checkpoints,
            starts,
            &history,
        ),
        events,
        watch: Watch::new(observer, &plan.name, folder.path.clone(), sink_names, started),
        epochs,
    };
    Ok(Opened { coordinator, history, folder })
}

/// Replays the past, goes on, and ends all threads.
fn conduct(opened: Opened<'_>, plan: &Arc<Plan>) -> Ended {
    let Opened { mut coordinator, history, folder } = opened;
    let outcome = match coordinator.replay(&history, &folder.path) {
        Ok(Replayed::Whole) if coordinator.rehearsal.is_none() => coordinator.live(),
        Ok(Replayed::Whole | Replayed::Stopped) => Ok(()),
        Err(error) => {
            let narrowed = if coordinator.rehearsal.as_ref().is_some_and(Rehearsal::is_one_by_one) {
                error
            } else {
                let begins = history.checkpoint.as_ref().map(|checkpoint| checkpoint.epoch);
                narrow(error, plan, coordinator.options, &folder.path, begins)
            };
            Err(taken_over(narrowed, &folder.ownership, &folder.path))
        }
    };
    coordinator.halt.set();
    let settled = coordinator.is_settled();
    let asked = coordinator.options.stop.is_set();
    let mut summary = summarise(&coordinator);
    let outcome = outcome.and_then(|()| {
        if settled && !asked && coordinator.rehearsal.is_none() {
            summary.reports = answer_reports(&coordinator, plan)?;
        }
        Ok(())
    });
    let life = Life::Ended(outcome.as_ref().err());
    let records = coordinator.workers.records();
    coordinator.watch.look(records, &coordinator.sources, &coordinator.epochs, life);
    // A sink that hangs would hang the end too; the process ends it.
    if settled && outcome.is_ok() {
        coordinator.workers.join();
        coordinator.checkpointer.join();
        coordinator.committers.into_iter().for_each(Committer::join);
    }
    Ended { summary, outcome }
}

/// The epochs at which sinks stand.
fn epochs_held(held: &[Committed]) -> BTreeSet<u64> {
    let epochs = held.iter().filter_map(|committed| match committed {
        Committed::Epoch(mark) => Some(mark.epoch),
        Committed::Volatile => None,
    });
    epochs.collect()
}

fn start_checkpointer(
    plan: &Plan,
    workers: usize,
    folder: &StateFolder,
    history: &History,
    summit: &Summit,
    events: &Sender<Event>,
) -> Result<Checkpointer, RunError> {
    let runs = runs_folder(&folder.path);
    make_folder(&runs)?;
    remove_others(
        &runs,
        folder.identity.generation,
        summit.checkpoints.iter().flat_map(|checkpoint| &checkpoint.runs),
    )?;
    let start = CheckpointerStart {
        folder: runs,
        generation: folder.identity.generation,
        workers,
        cuts: plan.cut_names(),
        expiry: Expiry::new(plan),
        runs: history.checkpoint.as_ref().map_or(Vec::new(), |checkpoint| checkpoint.runs.clone()),
    };
    Checkpointer::start(start, events.clone()).map_err(|_| RunError::Died("the thread of checkpoints"))
}

fn start_committers(
    plan: &Plan,
    domains: Vec<Domain>,
    workers: usize,
    marks: &[SinkMark],
    ownership: &Arc<Ownership>,
    events: &Sender<Event>,
) -> Result<Vec<Committer>, RunError> {
    let start = |domain| Committer::start(plan, domain, workers, marks, Arc::clone(ownership), events.clone());
    let committers = domains.into_iter().map(start).collect::<Result<_, _>>();
    committers.map_err(|_| RunError::Died("a committer"))
}

/// Where the rows of each sink go that workers feed.
fn ports(plan: &Plan, committers: &[Committer], marks: &[SinkMark]) -> BTreeMap<usize, SinkPort> {
    let port = |(sink, mark): (usize, &SinkMark)| {
        let (committer, member) = committer_of(committers, sink);
        let (orders, load) = (committer.orders.clone(), committer.load.clone());
        let held = if Safeguard::HeldRowsDropped.holds() { mark.passed } else { 0 };
        (sink, SinkPort { held, orders, member, load })
    };
    let fed = marks.iter().enumerate().filter(|(sink, _)| plan.sinks[*sink].letters_of.is_none());
    fed.map(port).collect()
}

/// The committer of a sink, and its place among the members.
pub(super) fn committer_of(committers: &[Committer], sink: usize) -> (&Committer, usize) {
    let place = |committer: &Committer| committer.sinks.iter().position(|member| *member == sink);
    let found = committers.iter().find_map(|committer| Some((committer, place(committer)?)));
    found.expect("every sink has a committer")
}

/// What a run leaves, without reports.
fn summarise(coordinator: &Coordinator<'_>) -> Summary {
    let letters = coordinator.plan.sinks.iter().filter(|sink| sink.letters_of.is_some());
    let letter_sinks = letters.map(|sink| sink.sink.describe());
    let ledger = |source: &str| coordinator.epochs.last.ledgers.get(source).copied().unwrap_or_default();
    Summary {
        epochs: coordinator.epochs.all_committed(),
        ledgers: coordinator.sources.iter().map(|source| (source.name.clone(), ledger(&source.name))).collect(),
        dead_letters: coordinator.epochs.last.dead_letters,
        letter_sinks: letter_sinks.collect(),
        skipped: coordinator.epochs.last.skipped,
        reports: Vec::new(),
    }
}

/// The reports' titles and answers, asked of the sinks.
fn answer_reports(coordinator: &Coordinator<'_>, plan: &Plan) -> Result<Vec<(String, Grid)>, RunError> {
    let answer = |report: &Report| {
        let (reply, answered) = bounded(1);
        let (committer, member) = committer_of(&coordinator.committers, report.sink);
        let failed = |error| RunError::Sink {
            name: format!("{}, report {}", plan.sinks[report.sink].input.name, report.name),
            error,
        };
        let sql = report.sql.resolve(&coordinator.options.variables).map_err(|missing| failed(missing.into()))?;
        let _ = committer.orders.send(Order::Query(member, sql, reply));
        let grid = answered.recv().map_err(|_| RunError::Died("a committer"))?;
        Ok((report.title.clone(), grid.map_err(failed)?))
    };
    plan.reports.iter().map(answer).collect()
}
