//! Reads topics of real brokers.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use engine::connector::{Anchor, ConnectorError, Partition, PartitionIndex, Read, Reader};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::connection::Cluster;
use crate::kafka::course::Course;
use crate::kafka::record_buffer::Wanted;
use crate::kafka::source::{Beginning, ReadOrder, announce};
use crate::kafka::start::Start;

use super::anchoring::require_anchors;
use super::contact::{Contact, Visible, refused};
use super::lane::Lane;
use super::message_queue::{Arrival, MessageQueue, Taken};
use super::suspicion::Suspicion;

/// How often to look for new partitions.
const SURVEY_EVERY: Duration = Duration::from_secs(30);
/// The longest wait for a record before limits and ends are looked at again.
const POLL_WAIT: Duration = Duration::from_millis(100);
/// For how long brokers may refuse, as they do while they start, before that is believed.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(60);

pub(super) const GONE_HINT: &str =
    "start with a new state directory, which reads from `start` again and makes everything anew";

/// Reads all partitions of some topics with one consumer. No group is joined and nothing is committed.
pub(in crate::kafka) struct ClusterReader {
    contact: Contact,
    messages: MessageQueue,
    /// Each topic and how many of its partitions are read.
    topics: Vec<(String, u32)>,
    lanes: Vec<Lane>,
    /// Places of lanes, by topic and then by partition.
    places: HashMap<String, Vec<usize>>,
    /// The lane that the last record went to.
    last: usize,
    ready: VecDeque<Read>,
    wanted: Wanted,
    bounded: bool,
    surveyed: Instant,
    suspicion: Suspicion,
    /// Errors that were said already.
    said: BTreeSet<String>,
}

impl ClusterReader {
    /// Asks for every partition's reach and assigns all of them.
    ///
    /// # Errors
    /// The brokers refuse or are out of reach, a topic is missing, or offsets are gone.
    pub(in crate::kafka) fn open(
        cluster: Cluster,
        order: &ReadOrder<'_>,
    ) -> Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError> {
        let contact = Contact::new(&cluster, Visible::Committed, &order.context.stop)?;
        let mut reader = Self {
            messages: MessageQueue::new(&contact.consumer),
            contact,
            topics: Vec::new(),
            lanes: Vec::new(),
            places: HashMap::new(),
            last: 0,
            ready: VecDeque::new(),
            wanted: order.wanted,
            bounded: order.bounded,
            surveyed: Instant::now(),
            suspicion: Suspicion::new(cluster.clone(), order.context.stop.clone()),
            said: BTreeSet::new(),
        };
        let mut partitions = Vec::new();
        let mut assignment = TopicPartitionList::new();
        for topic in &order.topics {
            let count = reader.contact.partition_count(topic)?.ok_or_else(|| missing(topic, &cluster.brokers))?;
            let mut anchors = BTreeMap::new();
            for partition in 0..count {
                let (low, high) = reader.contact.reach(topic, partition)?;
                let start = first_offset(&reader.contact, order, topic, partition, low, high)?;
                let end = order.bounded.then_some(high.max(start));
                let anchor = order.anchor(topic, partition);
                partitions.push(reader.add(topic, partition, start, end, anchor, &mut assignment)?);
                // What retention has taken cannot be compared any more.
                if let Some(anchor) = anchor.filter(|anchor| anchor.start >= low) {
                    anchors.insert(partition, anchor);
                }
            }
            require_anchors(&cluster, topic, anchors, &order.context.stop)?;
            reader.topics.push((topic.clone(), count));
        }
        reader.contact.consumer.assign(&assignment).map_err(|error| unexpected(&error))?;
        Ok((partitions, Box::new(reader)))
    }

    fn add(
        &mut self,
        topic: &str,
        partition: u32,
        start: u64,
        end: Option<u64>,
        anchor: Option<Anchor>,
        assignment: &mut TopicPartitionList,
    ) -> Result<Partition, ConnectorError> {
        self.messages.adopt(topic, partition as i32);
        let offset = Offset::Offset(start as i64);
        assignment.add_partition_offset(topic, partition as i32, offset).map_err(|error| unexpected(&error))?;
        let place = self.lanes.len();
        self.lanes.push(Lane::new(topic, partition, Course::new(PartitionIndex(place as u32), start, end), anchor));
        self.places.entry(topic.to_owned()).or_default().push(place);
        Ok(announce(topic, partition, start, end))
    }

    /// Looks now and then for partitions that were added and topics that were deleted.
    fn survey(&mut self) -> Result<(), ConnectorError> {
        if self.bounded || self.surveyed.elapsed() < SURVEY_EVERY || self.contact.consumer.context().is_out() {
            return Ok(());
        }
        self.surveyed = Instant::now();
        let mut found = Vec::new();
        let mut assignment = TopicPartitionList::new();
        for at in 0..self.topics.len() {
            let (topic, known) = self.topics[at].clone();
            let Some(answer) = self.contact.glance(&topic) else { continue };
            let count = answer.filter(|count| *count >= known).ok_or_else(|| deleted(&topic))?;
            for partition in known..count {
                found.push(self.add(&topic, partition, 0, None, None, &mut assignment)?);
            }
            self.topics[at].1 = count;
        }
        if !found.is_empty() {
            self.contact.consumer.incremental_assign(&assignment).map_err(|error| unexpected(&error))?;
            self.ready.push_back(Read::Discovered(found));
        }
        Ok(())
    }

    /// Makes batches of what is buffered, and tells which borders are reached.
    fn settle(&mut self) {
        for lane in &mut self.lanes {
            lane.release(self.wanted);
            self.ready.extend(lane.flush(self.wanted));
        }
        for lane in &mut self.lanes {
            lane.pass_gap();
            self.ready.extend(lane.course.tell());
        }
    }

    /// Stops fetching a partition of which too much is held back, and goes on when nothing is: where we are, and not where the client believes that
    /// we are. To it, the end of a partition is an offset that was consumed.
    fn pause_or_resume(&mut self, place: usize) -> Result<(), ConnectorError> {
        let lane = &mut self.lanes[place];
        let pause = if lane.paused { !lane.is_clear() } else { lane.is_stuffed() };
        if pause == lane.paused {
            return Ok(());
        }
        let mut one = TopicPartitionList::new();
        one.add_partition(&lane.topic, lane.partition);
        let consumer = &self.contact.consumer;
        let done = if pause {
            consumer.pause(&one)
        } else {
            let position = Offset::Offset(lane.course.position() as i64);
            consumer.seek(&lane.topic, lane.partition, position, Duration::ZERO).and_then(|()| consumer.resume(&one))
        };
        lane.paused = pause;
        done.map_err(|error| unexpected(&error))
    }

    /// Decides what an error means. Most of them pass.
    fn judge(&mut self, error: &KafkaError) -> Result<(), ConnectorError> {
        let brokers = self.contact.consumer.context().brokers().to_owned();
        let Some(code) = error.rdkafka_error_code() else { return Ok(()) };
        match code {
            Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve => Ok(()),
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                let gone = self.topics.iter().find(|(topic, _)| self.contact.glance(topic) == Some(None));
                gone.map_or(Ok(()), |(topic, _)| Err(deleted(topic)))
            }
            Code::TopicAuthorizationFailed => Err(refused(&brokers, "this user may not read the topic")),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Err(unexpected(error)),
            _ => {
                if self.said.insert(error.to_string()) {
                    tracing::warn!("{brokers}: {error}; reading goes on");
                }
                Ok(())
            }
        }
    }

    /// Takes in what has arrived, until something is ready or nothing more is there.
    fn drain(&mut self, mut wait: Duration) -> Result<(), ConnectorError> {
        // What the client has to say beside messages is heard by this.
        if let Some(Err(error)) = self.contact.consumer.poll(Duration::ZERO) {
            self.judge(&error)?;
        }
        loop {
            let (place, failure) = match self.messages.next(wait) {
                None => {
                    self.settle();
                    return Ok(());
                }
                Some(Err(error)) => (None, Some(error)),
                Some(Ok(Arrival::End(message))) => {
                    if let Some(place) = place_of(&message, &self.lanes, self.last, &self.places) {
                        self.lanes[place].accept_end(&message);
                    }
                    (None, None)
                }
                Some(Ok(Arrival::Gone(message))) => {
                    let Some(place) = place_of(&message, &self.lanes, self.last, &self.places) else { continue };
                    return Err(gone(&self.lanes[place]));
                }
                Some(Ok(Arrival::Record(message))) => {
                    self.suspicion.hear(self.contact.consumer.context().disturbances(), &self.lanes);
                    let Some(place) = place_of(&message, &self.lanes, self.last, &self.places) else { continue };
                    self.last = place;
                    self.lanes[self.last].accept(&message, self.wanted);
                    (Some(self.last), None)
                }
            };
            wait = Duration::ZERO;
            if let Some(error) = failure {
                self.judge(&error)?;
            }
            if let Some(place) = place {
                self.pause_or_resume(place)?;
                self.offer(place);
                if !self.ready.is_empty() {
                    return Ok(());
                }
            }
        }
    }

    /// Makes a batch of a lane to which nothing more can be added, and tells if its border is reached.
    fn offer(&mut self, place: usize) {
        let lane = &mut self.lanes[place];
        if lane.is_full() || lane.is_blocked() {
            self.ready.extend(lane.flush(self.wanted));
        }
        self.ready.extend(lane.course.tell());
    }
}

/// The lane of a record; mostly that of the record before.
fn place_of(message: &Taken<'_>, lanes: &[Lane], last: usize, places: &HashMap<String, Vec<usize>>) -> Option<usize> {
    let partition = message.partition();
    if lanes.get(last).is_some_and(|lane| lane.partition == partition && message.is_of(&lane.topic)) {
        return Some(last);
    }
    let (_, places) = places.iter().find(|(topic, _)| message.is_of(topic))?;
    places.get(partition as usize).copied()
}

/// A wait that the client can sleep through: it asks again and again for the rest of a millisecond.
fn whole_millis(wait: Duration) -> Duration {
    Duration::from_millis(wait.as_micros().div_ceil(1_000) as u64)
}

fn first_offset(
    contact: &Contact,
    order: &ReadOrder<'_>,
    topic: &str,
    partition: u32,
    low: u64,
    high: u64,
) -> Result<u64, ConnectorError> {
    match order.beginning(topic, partition) {
        Beginning::Fresh(Start::Earliest) => Ok(low),
        Beginning::Fresh(Start::Latest) => Ok(high),
        Beginning::Fresh(Start::At(micros)) => {
            // The first millisecond that is not before the microsecond.
            let millis = -(-micros).div_euclid(1_000);
            Ok(contact.offset_at(topic, partition, millis)?.unwrap_or(high))
        }
        Beginning::Resumed(offset) if offset < low => Err(ConnectorError::diverged(
            format!("offset {offset} of partition {partition} of topic `{topic}` is gone; the first one left is {low}"),
            GONE_HINT,
        )),
        Beginning::Resumed(offset) => {
            let known = order.anchor(topic, partition).map_or(offset, |anchor| anchor.end.max(offset));
            if known <= high {
                return Ok(offset);
            }
            let what = format!(
                "partition {partition} of topic `{topic}` was read up to offset {known}, but ends at {high} now: \
                 the topic was made anew, or has lost records"
            );
            Err(ConnectorError::diverged(what, GONE_HINT))
        }
    }
}

/// A topic that is not there when it is to be read.
pub(super) fn missing(topic: &str, brokers: &str) -> ConnectorError {
    ConnectorError::refused(
        format!("topic `{topic}` does not exist on {brokers}"),
        format!("check its name, or create it: `flowctl topic produce {topic} --brokers {brokers}`"),
    )
}

/// The log of a partition ends before what is to be read next, or begins behind it.
fn gone(lane: &Lane) -> ConnectorError {
    let Lane { topic, partition, course, .. } = lane;
    let what = format!(
        "offset {} of partition {partition} of topic `{topic}`, which is to be read next, is gone: retention has taken it, or the topic was made anew",
        course.position()
    );
    ConnectorError::diverged(what, GONE_HINT)
}

fn deleted(topic: &str) -> ConnectorError {
    ConnectorError::diverged(
        format!("topic `{topic}` was deleted, or made anew with fewer partitions, while it was read"),
        GONE_HINT,
    )
}

fn unexpected(error: &KafkaError) -> ConnectorError {
    ConnectorError::unavailable(
        format!("the Kafka client gave up: {error}"),
        "start again; if it comes back, report it with this message",
    )
}

impl Reader for ClusterReader {
    fn read(&mut self, wait: Duration) -> Result<Read, ConnectorError> {
        let deadline = Instant::now() + wait;
        self.survey()?;
        loop {
            self.suspicion.hear(self.contact.consumer.context().disturbances(), &self.lanes);
            if !self.suspicion.is_dispelled()? {
                return Ok(Read::Idle);
            }
            if let Some(read) = self.ready.pop_front() {
                return Ok(read);
            }
            for place in 0..self.lanes.len() {
                self.lanes[place].release(self.wanted);
                self.pause_or_resume(place)?;
                self.offer(place);
            }
            if !self.ready.is_empty() {
                continue;
            }
            if self.bounded && self.lanes.iter().all(|lane| lane.course.is_over()) {
                return Ok(Read::End);
            }
            let watch = self.contact.consumer.context();
            if let Some(reason) = watch.refusal(REFUSAL_PATIENCE) {
                return Err(refused(watch.brokers(), &reason));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let waits = self.lanes.iter().any(Lane::has_batch);
            self.drain(if waits { Duration::ZERO } else { whole_millis(left.min(POLL_WAIT)) })?;
            if self.ready.is_empty() && deadline <= Instant::now() {
                return Ok(Read::Idle);
            }
        }
    }

    fn limit(&mut self, partition: PartitionIndex, limit: Option<u64>) {
        if let Some(lane) = self.lanes.get_mut(partition.0 as usize) {
            lane.course.set_limit(limit);
        }
    }

    fn backlog(&mut self) -> Option<u64> {
        let watch = self.contact.consumer.context();
        self.lanes
            .iter()
            .map(|lane| {
                let end = watch.end(&lane.topic, lane.partition)?;
                Some(end.saturating_sub(lane.course.position()))
            })
            .sum()
    }
}
