//! Dead letters from outside of a run: reading them back, and asking for their records to be read again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use crate::connector::{Committed, ConnectContext, ConnectorError, Held, StopFlag};
use crate::dead_letter::{Again, AgainRecord, Failed, Letter, LetterError, letters_of};
use crate::plan::{Plan, SinkNode};
use crate::spec::Variables;

use super::RunError;
use super::history::{History, Summit};
use super::identity::Identity;
use super::journal::{Base, Entry, EpochRecord};
use super::state_folder::StateFolder;

/// Reads the letters of a pipeline's sources, and journals what is to become of them.
pub struct LetterAccess<'a> {
    plan: &'a Plan,
    folder: PathBuf,
    identity: Identity,
    state_root: PathBuf,
    variables: Variables,
}

/// A record's source, partition and offset.
type RecordPlace = (String, String, u64);

/// What the journal knows of records that were read again.
#[derive(Default)]
struct Past {
    /// What was read as each of them before the last time.
    before: BTreeMap<RecordPlace, Vec<Failed>>,
    /// Those that wait for the next run.
    waiting: BTreeSet<RecordPlace>,
}

impl Past {
    fn of(history: &History) -> Self {
        let mut past = Self::default();
        history.again.iter().for_each(|(_, again)| past.note(again));
        for entry in &history.unsettled {
            if let Entry::Again(again) = entry {
                past.note(again);
                past.waiting.insert(place_of(again));
            }
        }
        past
    }

    fn note(&mut self, again: &Again) {
        self.before.insert(place_of(again), again.before.clone());
    }
}

fn place_of(again: &Again) -> RecordPlace {
    (again.source.clone(), again.partition.clone(), again.offset)
}

/// Records that wait for the next run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many records will be read again.
    pub records: u64,
    /// How many letters they have.
    pub letters: u64,
    /// How many of the records were asked for before and wait already.
    pub before: u64,
    /// Letters whose records cannot be read again, and why.
    pub refused: Vec<(String, LetterError)>,
}

impl<'a> LetterAccess<'a> {
    /// Opens the state of a pipeline.
    ///
    /// # Errors
    /// It has never run there, or the state cannot be used.
    pub fn open(plan: &'a Plan, state_root: PathBuf, variables: Variables) -> Result<Self, RunError> {
        let folder = plan.state_folder(&state_root, &variables);
        let Some(identity) = Identity::read(&folder)? else {
            return Err(RunError::State {
                folder,
                what: format!("pipeline `{}` has never run here", plan.name),
                hint: "run it first, or name its state directory with `--state DIR`".into(),
            });
        };
        identity.require(&plan.name, &folder)?;
        Ok(Self { plan, folder, identity, state_root, variables })
    }

    /// Gives every letter that stands, of one source or of all, in the order of their sinks.
    ///
    /// # Errors
    /// A sink refuses or cannot be read back, or an error of `take`.
    pub fn read(
        &self,
        source: Option<&str>,
        take: &mut dyn FnMut(Letter) -> Result<(), ConnectorError>,
    ) -> Result<(), RunError> {
        for node in &self.plan.sinks {
            let Some(at) = node.letters_of else { continue };
            if source.is_some_and(|source| source != self.plan.sources[at].name) {
                continue;
            }
            // A sink that takes no rows back says in later rows which letters no longer hold.
            let mut retracted: HashMap<String, u64> = HashMap::new();
            self.read_back(node, &mut |letter, is_retracted| {
                if is_retracted {
                    *retracted.entry(letter.id).or_default() += 1;
                }
                Ok(())
            })?;
            self.read_back(node, &mut |letter, is_retracted| {
                match retracted.get_mut(&letter.id) {
                    _ if is_retracted => {}
                    Some(left) if *left > 0 => *left -= 1,
                    _ => take(letter)?,
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// How far a sink has come.
    fn read_back(
        &self,
        node: &SinkNode,
        take: &mut dyn FnMut(Letter, bool) -> Result<(), ConnectorError>,
    ) -> Result<u64, RunError> {
        let failed = |error| RunError::Sink { name: node.input.name.clone(), error };
        let foreign = |what: &str| {
            let hint = "somebody else has written there: put the rows right, or begin anew with an empty place";
            ConnectorError::diverged(format!("it holds something that is no dead letter: {what}"), hint)
        };
        let read = node.sink.read_back(&self.context(node), &mut |held| match held {
            Held::Rows(rows) => {
                let letters = letters_of(&rows).ok_or_else(|| foreign("rows of other columns"))?;
                letters.into_iter().try_for_each(|(letter, is_retracted)| take(letter, is_retracted))
            }
            Held::Foreign(what) => Err(foreign(&what)),
        });
        match read.map_err(failed)? {
            Some(Committed::Epoch(mark)) => Ok(mark.epoch),
            Some(Committed::Volatile) | None => Err(failed(ConnectorError::refused(
                format!("dead letters cannot be read back from {}", node.sink.describe()),
                "send them to a table, a topic or a file, or leave `dead_letters` out: then they go to a local table",
            ))),
        }
    }

    fn context(&self, node: &SinkNode) -> ConnectContext {
        ConnectContext {
            pipeline: self.plan.name.clone(),
            name: node.input.name.clone(),
            state_id: self.identity.state_id.clone(),
            generation: self.identity.generation,
            fingerprint: node.fingerprint.clone(),
            state_root: self.state_root.clone(),
            state_folder: self.folder.clone(),
            taken_over: false,
            predecessor: None,
            variables: self.variables.clone(),
            stop: StopFlag::default(),
        }
    }

    /// Asks for records to be read again in the next run: those of the letters that are chosen, as they were, or as `corrected` has them by a
    /// letter's id.
    ///
    /// # Errors
    /// The pipeline runs; its last run has not ended in order; its YAML has changed; or a sink refuses.
    pub fn replay(
        &self,
        chosen: &dyn Fn(&Letter) -> bool,
        corrected: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Waiting, RunError> {
        // A segment of the journal is written by the start that has begun it: so this is one.
        let state = StateFolder::take(&self.folder, &self.plan.name)?;
        if state.ownership.is_taken_over() {
            return Err(self.refused("the flowctl that runs it is stopped (SIGSTOP, Ctrl-Z)", "let it end first"));
        }
        let summit = Summit::read(&self.folder, &BTreeSet::new())?;
        for node in self.plan.sinks.iter().filter(|node| node.letters_of.is_some()) {
            self.require_settled(node, &summit)?;
        }
        let mut records: BTreeMap<RecordPlace, Vec<Letter>> = BTreeMap::new();
        let mut wanted = BTreeSet::new();
        let mut waiting = Waiting::default();
        self.read(None, &mut |letter| {
            let is_chosen = chosen(&letter);
            let (Some(partition), Some(offset)) = (letter.partition.clone(), letter.offset) else {
                if is_chosen {
                    waiting.refused.push((letter.id, LetterError::NoRecord));
                }
                return Ok(());
            };
            let place = (letter.source.clone(), partition, offset.cast_unsigned());
            if is_chosen {
                wanted.insert(place.clone());
            }
            records.entry(place).or_default().push(letter);
            Ok(())
        })?;
        let (history, reader) = History::read(&self.folder, None, summit.oldest.epoch, &BTreeSet::new())?;
        let past = Past::of(&history);
        let mut carried = history.unsettled;
        for (place, letters) in records.into_iter().filter(|(place, _)| wanted.contains(place)) {
            if past.waiting.contains(&place) {
                waiting.before += 1;
                continue;
            }
            let count = letters.len() as u64;
            let id = letters[0].id.clone();
            let before = past.before.get(&place).cloned().unwrap_or_default();
            match self.again(letters, before, corrected) {
                Ok(again) => carried.push(Entry::Again(Box::new(again))),
                Err(why) => {
                    waiting.refused.push((id, why));
                    continue;
                }
            }
            waiting.records += 1;
            waiting.letters += count;
        }
        if waiting.records > 0 {
            let record = EpochRecord { sinks: summit.last.sinks, ..history.last };
            let History { starts, ends, anchors, again, .. } = history;
            let base = Base { record, starts, ends, anchors, again, before: None };
            state.require_ownership()?;
            reader.begin(state.identity.generation, base, &carried)?;
        }
        Ok(waiting)
    }

    /// A letter may be taken back already in an epoch that its sink does not hold yet: then its record would count twice.
    fn require_settled(&self, node: &SinkNode, summit: &Summit) -> Result<(), RunError> {
        let Some(mark) = summit.last.sinks.get(&node.mark_key()) else {
            return Err(self.refused(
                "the YAML has changed since its last run, so these are letters of another pipeline",
                "run it: what failed is read again anyway, from the sources, as far as they have it",
            ));
        };
        let held = self.read_back(node, &mut |_, _| Ok(()))?;
        if mark.passed.max(held) >= summit.last.epoch {
            return Ok(());
        }
        Err(self.refused("its last run has not ended in order", "run it once, until it ends, and then replay"))
    }

    fn refused(&self, what: &str, hint: &str) -> RunError {
        let what = format!("no dead letter can be read again: {what}");
        RunError::State { folder: self.folder.clone(), what, hint: hint.into() }
    }

    /// The record of letters, which are all that it has; `before` is what was read as this record earlier.
    fn again(
        &self,
        letters: Vec<Letter>,
        mut before: Vec<Failed>,
        corrected: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Again, LetterError> {
        let first = &letters[0];
        let original = first.record();
        let correction = letters.iter().find_map(|letter| corrected.get(&letter.id));
        let replacement = match correction {
            Some(bytes) => AgainRecord::of(Some(bytes)),
            None => AgainRecord::of(original.clone()?.as_deref()),
        };
        let ways: BTreeSet<String> = letters.iter().filter_map(Letter::ways).flatten().collect();
        let at = Some(ways).filter(|ways| !ways.is_empty()).map(|ways| ways.into_iter().collect::<Vec<_>>());
        match original {
            Ok(record) => before.push(Failed { record: AgainRecord::of(record.as_deref()), at }),
            // What could not even be decoded went nowhere.
            Err(LetterError::Cut) if at.is_none() => {}
            Err(error) => return Err(error),
        }
        let source = self.plan.sources.iter().position(|source| source.name == first.source);
        let sink = source.and_then(|source| self.plan.sources[source].letters);
        Ok(Again {
            source: first.source.clone(),
            partition: first.partition.clone().unwrap_or_default(),
            offset: first.offset.unwrap_or_default().cast_unsigned(),
            before,
            replacement,
            metadata: first.metadata.clone(),
            header: first.header.clone(),
            sink: sink.map(|sink| self.plan.sinks[sink].mark_key()).unwrap_or_default(),
            letters,
        })
    }
}
