//! What a sink's progress record says, and what follows from it.

use engine::connector::{ConnectContext, ConnectorError, Mark};
use engine::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::kafka::rows::writer_id;

use super::progress_topic;
use super::relay::{RUNNERS_MAX, runner_id};

/// The form of the record; a later one is not understood.
const FORMAT: u32 = 2;
/// The form that knows of one producer only.
const FORMAT_OF_ONE: u32 = 1;

/// How far a sink has come: the value of its last record in the progress topic, as JSON. The key is the writer's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    format: u32,
    /// The instance that wrote it.
    pub(super) generation: u64,
    /// The last epoch that changed something; zero if none did.
    pub(super) epoch: u64,
    /// Of all rows after that epoch.
    pub(super) digest: Digest,
    /// What the rows mean.
    pub(super) fingerprint: String,
    /// Where they are.
    pub(super) topic: String,
    /// The transactional id of the first producer that may write it.
    transactional_id: String,
    /// How many may.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    runners: usize,
    /// A partition that has been written up to this offset: a topic that ends before it is another one.
    pub(super) reach: Option<(u32, u64)>,
}

impl Progress {
    /// The record as it is written.
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts are JSON")
    }

    /// The ids of all producers that may write it.
    pub(super) fn transactional_ids(&self) -> impl Iterator<Item = String> {
        (0..self.runners).map(|place| runner_id(&self.transactional_id, place))
    }

    /// How far that is.
    pub(super) fn mark(&self) -> Mark {
        Mark { epoch: self.epoch, digest: self.digest }
    }

    fn decode(writer: &str, value: &[u8]) -> Result<Self, ConnectorError> {
        let found: Result<Self, _> = serde_json::from_slice(value);
        let is_sound = |found: &Self| {
            (FORMAT_OF_ONE..=FORMAT).contains(&found.format) && (1..=RUNNERS_MAX).contains(&found.runners)
        };
        found.ok().filter(is_sound).ok_or_else(|| {
            ConnectorError::diverged(
                format!("the progress record of `{writer}` cannot be understood by this version"),
                "run the version that wrote it, or start with a new state directory and another topic",
            )
        })
    }
}

/// What an instance of a sink stands for.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// Names the sink's records, and its progress.
    pub(super) writer: String,
    pub(super) topic: String,
    /// Where its progress is kept.
    pub(super) progress_topic: String,
    fingerprint: String,
    pub(super) generation: u64,
}

impl Claim {
    pub(super) fn new(context: &ConnectContext, topic: &str) -> Self {
        Self {
            writer: writer_id(context),
            topic: topic.to_owned(),
            progress_topic: progress_topic::name(&context.pipeline),
            fingerprint: context.fingerprint.clone(),
            generation: context.generation,
        }
    }

    /// The progress of this instance, whose producers have `runners` ids that begin with `transactional_id`.
    pub(super) fn progress(
        &self,
        mark: Mark,
        (transactional_id, runners): (&str, usize),
        reach: Option<(u32, u64)>,
    ) -> Progress {
        Progress {
            // Versions that would not shut all of several producers out shall not understand it.
            format: if is_one(&runners) { FORMAT_OF_ONE } else { FORMAT },
            generation: self.generation,
            epoch: mark.epoch,
            digest: mark.digest,
            fingerprint: self.fingerprint.clone(),
            topic: self.topic.clone(),
            transactional_id: transactional_id.to_owned(),
            runners,
            reach,
        }
    }

    /// Understands the sink's last progress record, and refuses one of rows that have nothing to do with ours.
    ///
    /// # Errors
    /// It is of another version, another topic or another meaning of the rows.
    pub(super) fn understand(&self, value: &[u8]) -> Result<Progress, ConnectorError> {
        let found = Progress::decode(&self.writer, value)?;
        let why = if found.topic != self.topic {
            format!("it was made for topic `{}`, not `{}`", found.topic, self.topic)
        } else if found.fingerprint != self.fingerprint {
            "the rows of this sink meant something else when it was made".to_owned()
        } else {
            return Ok(found);
        };
        Err(ConnectorError::diverged(
            format!("the progress record of `{}` does not belong to this run: {why}", self.writer),
            "write to another topic from a new state directory, or put the pipeline back as it was",
        ))
    }

    /// Takes the place of whoever wrote this last: from the next record on, a start of a copied state folder, which counts the same number, is an earlier
    /// one. `tried` is what an attempt before this has written, if it is not known whether that is there.
    ///
    /// # Errors
    /// A later instance has written progress.
    pub(super) fn succeed(&mut self, found: Option<&Progress>, tried: Option<u64>) -> Result<(), ConnectorError> {
        let Some(found) = found else { return Ok(()) };
        if tried == Some(found.generation) {
            return Ok(());
        }
        self.defend(Some(found))?;
        self.generation = self.generation.max(found.generation + 1);
        Ok(())
    }

    /// Whether we still are the newest instance.
    ///
    /// # Errors
    /// A later one has written progress.
    pub(super) fn defend(&self, found: Option<&Progress>) -> Result<(), ConnectorError> {
        match found {
            Some(found) if found.generation > self.generation => Err(ConnectorError::Fenced {
                what: format!(
                    "another instance has taken over topic `{}`: it is at generation {}, this one at {}",
                    self.topic, found.generation, self.generation
                ),
                hint:
                    "nothing is lost, the other instance goes on; run only one at a time, and none from an old copy of \
                       the state directory"
                        .into(),
            }),
            _ => Ok(()),
        }
    }
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(count: &usize) -> bool {
    *count == 1
}

/// What has become of a transaction of which nobody knows how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All of it is there.
    Committed,
    /// Nothing of it is there, and nothing ever will be.
    Missing,
    /// One sink has it and another has not, which brokers rule out.
    Torn,
}

impl Outcome {
    /// By the epochs that the changed sinks hold now. They were read after the transaction's producer was fenced, so they stay.
    pub(super) fn of(epoch: u64, held: impl IntoIterator<Item = u64>) -> Self {
        let (mut there, mut missing) = (false, false);
        for held in held {
            if held >= epoch { there = true } else { missing = true }
        }
        match (there, missing) {
            (true, true) => Self::Torn,
            (true, false) => Self::Committed,
            (false, _) => Self::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim {
            writer: "p/s/x".into(),
            topic: "t".into(),
            progress_topic: "p".into(),
            fingerprint: "f".into(),
            generation: 5,
        }
    }

    #[test]
    fn a_record_is_understood_by_the_sink_that_wrote_it_and_by_no_other() {
        let progress = claim().progress(Mark { epoch: 7, digest: Digest::default() }, ("id", 1), Some((2, 30)));
        assert_eq!(claim().understand(&progress.encode()).expect("ours"), progress);
        let others = [Claim { topic: "u".into(), ..claim() }, Claim { fingerprint: "g".into(), ..claim() }];
        for other in others {
            assert!(matches!(other.understand(&progress.encode()), Err(ConnectorError::Diverged { .. })));
        }
        let later = Progress { format: FORMAT + 1, ..progress.clone() };
        let (of_none, of_many) =
            (Progress { runners: 0, ..progress.clone() }, Progress { runners: usize::MAX, ..progress });
        for wrong in [later.encode(), of_none.encode(), of_many.encode(), b"{}".to_vec()] {
            assert!(matches!(claim().understand(&wrong), Err(ConnectorError::Diverged { .. })));
        }
    }

    #[test]
    fn a_record_names_all_producers_that_may_write_it() {
        for (runners, format, ids) in [(1, FORMAT_OF_ONE, &["id"][..]), (3, FORMAT, &["id", "id.1", "id.2"])] {
            let progress = claim().progress(Mark::default(), ("id", runners), None);
            let found = claim().understand(&progress.encode()).expect("ours");
            assert_eq!(found.format, format);
            assert_eq!(found.transactional_ids().collect::<Vec<_>>(), ids);
        }
    }

    #[test]
    fn only_a_later_generation_fences() {
        for (generation, fenced) in [(4, false), (5, false), (6, true)] {
            let found = Claim { generation, ..claim() }.progress(Mark::default(), ("id", 1), None);
            assert_eq!(matches!(claim().defend(Some(&found)), Err(ConnectorError::Fenced { .. })), fenced);
        }
        assert!(claim().defend(None).is_ok());
    }

    #[test]
    fn a_copy_with_the_same_number_succeeds_and_a_later_instance_refuses() {
        let found = |generation| Claim { generation, ..claim() }.progress(Mark::default(), ("id", 1), None);
        let succeed = |found: Option<&Progress>, tried| {
            let mut claim = claim();
            claim.succeed(found, tried).map(|()| claim.generation)
        };
        assert_eq!(succeed(None, None).expect("nobody was there"), 5);
        assert_eq!(succeed(Some(&found(4)), None).expect("an earlier one"), 5);
        assert_eq!(succeed(Some(&found(5)), None).expect("a copy"), 6);
        assert_eq!(succeed(Some(&found(5)), Some(5)).expect("its own attempt"), 5);
        assert!(matches!(succeed(Some(&found(6)), Some(5)), Err(ConnectorError::Fenced { .. })));
    }

    #[test]
    fn the_outcome_of_a_transaction_shows_in_all_its_sinks_alike() {
        for (held, outcome) in [
            (&[3, 3][..], Outcome::Committed),
            (&[3, 4], Outcome::Committed),
            (&[2, 0], Outcome::Missing),
            (&[2, 3], Outcome::Torn),
        ] {
            assert_eq!(Outcome::of(3, held.iter().copied()), outcome, "{held:?}");
        }
    }
}
