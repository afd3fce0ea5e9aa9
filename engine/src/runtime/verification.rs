//! Proves a pipeline's state: replays its past, cut otherwise and on another number of workers, and compares with what the journal says of every
//! operator and with what the sinks hold.
//!
//! ```text
//!  sinks ─read back─▶ digest of what each holds ─┐
//!  journal ─▶ digest at the sink's epoch ────────┴─ equal? ──▶ else: which rows, by a second look at both
//!  journal, sources ─▶ rehearsal in a scratch folder ─▶ digests at the end of every stage, compared with the journal's
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::connector::{Committed, ConnectContext, ConnectorError, Held, Mark, Replay, Sink, StopFlag};
use crate::dead_letter::standing;
use crate::digest::Digest;
use crate::plan::{Plan, Target};
use crate::render::RowDigester;
use crate::spec::Variables;

use super::RunError;
use super::digests::sink_key;
use super::gathering::{Balance, Gathered, GatheringSink, count};
use super::history::Summit;
use super::identity::Identity;
use super::options::{Observer, RunOptions};
use super::rehearsal::{Cuts, Rehearsal};
use super::run::run_in;
use super::scratch::Scratch;
use super::setting::Setting;
use super::state_folder::own;

/// How many rows of each kind of difference are shown.
const SHOWN: usize = 10;

/// How to verify.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// How many workers replay.
    pub workers: usize,
    /// The root of all state.
    pub state_root: PathBuf,
    /// The values of `${…}`.
    pub variables: Variables,
    /// Asks for the end.
    pub stop: StopFlag,
    /// Decides where epochs and batches are cut.
    pub seed: u64,
}

/// What a replay came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The journal's last epoch: up to here everything was replayed.
    pub epoch: u64,
    /// How many records were read again.
    pub records: u64,
    /// What each sink holds.
    pub sinks: Vec<SinkVerdict>,
}

/// What a sink holds, compared with what it should.
#[derive(Clone, Debug)]
pub struct SinkVerdict {
    /// The sink.
    pub name: String,
    /// The last epoch that changed something in it.
    pub epoch: u64,
    /// How many rows it holds; none if nothing outlives a run there.
    pub rows: Option<u64>,
    /// What is otherwise than it should be.
    pub differences: Vec<Difference>,
}

/// Something that a sink holds and should not, or the other way round.
#[derive(Clone, Debug)]
pub enum Difference {
    /// Rows that it lacks, of so many in all.
    Missing(Vec<RecordBatch>, u64),
    /// Rows that it should not hold, of so many in all.
    Extra(Vec<RecordBatch>, u64),
    /// Things that are no rows of this sink.
    Foreign(String),
    /// Its rows are not those that were written, and which they were cannot be told any more.
    Unknown,
}

impl Verdict {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.sinks.iter().all(|sink| sink.differences.is_empty())
    }
}

/// Verifies the state of a pipeline that does not run. Nothing is changed, neither there nor in the sinks. `None` if it was asked to stop before.
///
/// # Errors
/// The state cannot be used, or is in use; the outside refuses; or the replay came to something else than the journal says.
pub fn verify(plan: &Arc<Plan>, options: &VerifyOptions, observer: &dyn Observer) -> Result<Option<Verdict>, RunError> {
    let path = plan.state_folder(&options.state_root, &options.variables);
    let Some(identity) = Identity::read(&path)? else {
        return Err(RunError::State {
            folder: path,
            what: format!("pipeline `{}` has never run here", plan.name),
            hint: "run it first, or name its state directory with `--state DIR`".into(),
        });
    };
    identity.require(&plan.name, &path)?;
    // As long as this is held, nobody else changes anything.
    let _ownership = own(&path)?;
    Verification { plan, options, path, identity }.conduct(observer)
}

struct Verification<'a> {
    plan: &'a Arc<Plan>,
    options: &'a VerifyOptions,
    path: PathBuf,
    identity: Identity,
}

/// What was read back of a sink.
#[derive(Clone, Debug, Default)]
struct Found {
    /// None if nothing outlives a run there.
    mark: Option<Mark>,
    /// The last epoch that it is known to have everything of.
    stands: u64,
    rows: u64,
    digest: Digest,
    foreign: Vec<String>,
}

impl Found {
    fn epoch(&self) -> u64 {
        self.mark.unwrap_or_default().epoch
    }
}

impl Verification<'_> {
    fn conduct(&self, observer: &dyn Observer) -> Result<Option<Verdict>, RunError> {
        let mut found: Vec<Found> = (0..self.plan.sinks.len()).map(|sink| self.look(sink)).collect::<Result<_, _>>()?;
        let noted = Summit::read(&self.path, &BTreeSet::new())?.last.sinks;
        for (node, found) in self.plan.sinks.iter().zip(&mut found) {
            // What has changed nothing in a sink only the journal knows; it may have forgotten the epoch that did.
            let mark = noted.get(&node.mark_key()).filter(|mark| mark.written == found.epoch());
            found.stands = mark.map_or(0, |mark| mark.passed).max(found.epoch());
        }
        let summit = Summit::read(&self.path, &found.iter().map(|found| found.stands).collect())?;
        let mut balances = BTreeMap::new();
        for (sink, found) in found.iter().enumerate() {
            self.require_known(sink, found, &summit)?;
            let recorded = summit.digest_at(found.stands, &sink_key(self.plan, sink));
            let is_as_recorded = found.epoch() == 0 && found.rows == 0 || recorded == Some(found.digest);
            if found.mark.is_some() && !is_as_recorded {
                balances.insert(sink, self.balance(sink)?);
            }
        }
        let Some(balances) = self.rehearse(&found, balances, BTreeMap::new(), observer)? else { return Ok(None) };
        let Some(mut differences) = self.differences(&found, balances, &summit, observer)? else { return Ok(None) };
        let verdicts = found.into_iter().enumerate().map(|(sink, found)| SinkVerdict {
            name: self.plan.sinks[sink].input.name.clone(),
            epoch: found.epoch(),
            rows: found.mark.map(|_| found.rows),
            differences: found
                .foreign
                .into_iter()
                .map(Difference::Foreign)
                .chain(differences.remove(&sink).unwrap_or_default())
                .collect(),
        });
        let records = summit.last.ledgers.values().map(|ledger| ledger.read).sum();
        Ok(Some(Verdict { epoch: summit.last.epoch, records, sinks: verdicts.collect() }))
    }

    /// Reads a sink back, for its digest.
    fn look(&self, sink: usize) -> Result<Found, RunError> {
        let mut found = Found::default();
        let mut digester = RowDigester::default();
        let committed = self.read_back(sink, &mut |held| {
            match held {
                Held::Rows(rows) => {
                    found.rows += rows.num_rows() as u64;
                    let (rows, diffs) = self.standing(sink, rows);
                    found.digest.merge(digester.of_rows(&rows, |row| diffs[row]));
                }
                Held::Foreign(what) if found.foreign.len() < SHOWN => found.foreign.push(what),
                Held::Foreign(_) => {}
            }
            Ok(())
        })?;
        found.mark = match committed {
            Some(Committed::Epoch(mark)) => Some(mark),
            Some(Committed::Volatile) | None => None,
        };
        Ok(found)
    }

    /// Reads a sink back, and counts its rows.
    fn balance(&self, sink: usize) -> Result<Balance, RunError> {
        let mut balance = Balance::new();
        self.read_back(sink, &mut |held| {
            if let Held::Rows(rows) = held {
                let (rows, diffs) = self.standing(sink, rows);
                count(&mut balance, &rows, &diffs);
            }
            Ok(())
        })?;
        balance.retain(|_, count| *count != 0);
        Ok(balance)
    }

    /// What rows of a sink come to, and how often each counts.
    fn standing(&self, sink: usize, rows: RecordBatch) -> (RecordBatch, Vec<i64>) {
        if self.plan.sinks[sink].letters_of.is_some() {
            return standing(&rows);
        }
        let ones = vec![1; rows.num_rows()];
        (rows, ones)
    }

    fn read_back(
        &self,
        sink: usize,
        take: &mut dyn FnMut(Held) -> Result<(), ConnectorError>,
    ) -> Result<Option<Committed>, RunError> {
        let node = &self.plan.sinks[sink];
        let context = ConnectContext {
            pipeline: self.plan.name.clone(),
            name: node.input.name.clone(),
            state_id: self.identity.state_id.clone(),
            generation: self.identity.generation,
            fingerprint: node.fingerprint.clone(),
            state_root: self.options.state_root.clone(),
            state_folder: self.path.clone(),
            taken_over: false,
            predecessor: None,
            variables: self.options.variables.clone(),
            stop: self.options.stop.clone(),
        };
        let read = node.sink.read_back(&context, take);
        read.map_err(|error| RunError::Sink { name: node.input.name.clone(), error })
    }

    /// A sink that is ahead of the journal is of another time.
    fn require_known(&self, sink: usize, found: &Found, summit: &Summit) -> Result<(), RunError> {
        let (held, last) = (found.epoch(), summit.last.epoch);
        if held <= last {
            return Ok(());
        }
        let what = format!("it holds epoch {held}, but the journal in {} ends with {last}", self.path.display());
        let hint = "the state directory is older than the sink: use the newest one";
        let name = self.plan.sinks[sink].input.name.clone();
        Err(RunError::Sink { name, error: ConnectorError::diverged(what, hint) })
    }

    /// Replays the past. Takes what must flow into sinks out of their balances, and gives those; rows that are wanted of a sink are put into `wanted`.
    fn rehearse(
        &self,
        found: &[Found],
        mut balances: BTreeMap<usize, Balance>,
        mut wanted: BTreeMap<usize, Gathered>,
        observer: &dyn Observer,
    ) -> Result<Option<BTreeMap<usize, Gathered>>, RunError> {
        let gatherers: Vec<GatheringSink> = found
            .iter()
            .enumerate()
            .map(|(sink, found)| {
                let of_letters = self.plan.sinks[sink].letters_of.is_some();
                let mut gathered = wanted.remove(&sink).unwrap_or_default();
                gathered.balance = balances.remove(&sink);
                GatheringSink::new(found.stands, of_letters, gathered)
            })
            .collect();
        let options = RunOptions::new(
            self.options.workers,
            self.options.state_root.clone(),
            self.options.variables.clone(),
            self.options.stop.clone(),
        );
        let scratch = Scratch::make(&self.path)?;
        let setting = || {
            let sinks = gatherers.iter().map(|sink| Arc::new(sink.clone()) as Arc<dyn Sink>).collect();
            Ok(Setting {
                folder: scratch.take(&self.plan.name)?,
                sinks,
                rehearsal: Some(Rehearsal::new(Cuts::shuffled(self.options.seed))),
            })
        };
        run_in(self.plan, &options, observer, setting).outcome?;
        if self.options.stop.is_set() {
            return Ok(None);
        }
        let gathered = gatherers.into_iter().map(GatheringSink::into_gathered).enumerate();
        Ok(Some(gathered.filter(|(_, gathered)| !gathered.is_idle()).collect()))
    }

    /// What the balances of sinks come to, with the rows themselves; none if it was asked to stop before.
    fn differences(
        &self,
        found: &[Found],
        gathered: BTreeMap<usize, Gathered>,
        summit: &Summit,
        observer: &dyn Observer,
    ) -> Result<Option<BTreeMap<usize, Vec<Difference>>>, RunError> {
        let mut differences: BTreeMap<usize, Vec<Difference>> = BTreeMap::new();
        let mut missing = BTreeMap::new();
        let mut lacking = BTreeMap::new();
        for (sink, gathered) in gathered {
            let balance = gathered.balance.unwrap_or_default();
            if !self.is_replayed_whole(sink, summit) {
                differences.insert(sink, vec![Difference::Unknown]);
                continue;
            }
            let (extra, absent): (Vec<_>, Vec<_>) = balance.into_iter().partition(|(_, count)| *count > 0);
            if !extra.is_empty() {
                let mut kept = Gathered::wanting(extra.iter().map(|(row, _)| *row).take(SHOWN));
                self.read_back(sink, &mut |held| {
                    if let Held::Rows(rows) = held {
                        kept.keep_wanted(&self.standing(sink, rows).0);
                    }
                    Ok(())
                })?;
                let many = extra.iter().map(|(_, count)| count.unsigned_abs()).sum();
                differences.entry(sink).or_default().push(Difference::Extra(kept.into_rows(), many));
            }
            if !absent.is_empty() {
                missing.insert(sink, Gathered::wanting(absent.iter().map(|(row, _)| *row).take(SHOWN)));
                lacking.insert(sink, absent.iter().map(|(_, count)| count.unsigned_abs()).sum());
            }
        }
        if missing.is_empty() {
            return Ok(Some(differences));
        }
        // What the sink lacks has to be made once more to be shown.
        let Some(made) = self.rehearse(found, BTreeMap::new(), missing, observer)? else { return Ok(None) };
        for (sink, rows) in made {
            let many = lacking.get(&sink).copied().unwrap_or(0);
            differences.entry(sink).or_default().push(Difference::Missing(rows.into_rows(), many));
        }
        Ok(Some(differences))
    }

    /// Whether a rehearsal makes all rows of a sink: rows of sources that cannot be read again are not kept.
    fn is_replayed_whole(&self, sink: usize, summit: &Summit) -> bool {
        let reads_again = self.plan.sources.iter().all(|source| source.source.replay() == Replay::Seek);
        summit.oldest.epoch == 0 || reads_again || !self.plan.is_fed_by_source(Target::Sink(sink))
    }
}
