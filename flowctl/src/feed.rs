//! Fills the embedded topics that a pipeline reads: beside it while it streams, before it when it replays.

use std::path::Path;
use std::thread::{self, JoinHandle};

use connectors::REGISTRY;
use connectors::topic_log::Topics;
use engine::connector::{ConnectorError, StopFlag};
use engine::diagnostic::Diagnostics;
use engine::runtime::{RunOptions, Silent, Summary, run};
use engine::spec::{Content, Entry, Feed, Item, Mode, Variables};
use tracing::{info, warn};

use crate::exit::{FAILED, Failure};
use crate::outcome;
use crate::pipeline::Pipeline;
use crate::progress::ShownProgress;
use crate::terminal::Terminal;

/// The value of `brokers` that stands for the topic log below the state root.
const EMBEDDED: &str = "embedded";

/// How many partitions a topic gets that the reader needs first: as many as a sink gives it by default.
const PARTITIONS: u32 = 3;

/// A pipeline that runs in the background for another one, or none.
#[derive(Default)]
pub(crate) struct Feeder {
    running: Option<(StopFlag, String, JoinHandle<Summary>)>,
}

/// Whom a feeder works for.
pub(crate) struct Fed<'a> {
    /// The pipeline that reads the topics.
    pub(crate) pipeline: &'a Pipeline,
    /// Its variables.
    pub(crate) variables: &'a Variables,
    /// Where the topics live.
    pub(crate) state_root: &'a Path,
    /// Set when it is asked to stop.
    pub(crate) stop: &'a StopFlag,
    /// Where to say what happens.
    pub(crate) terminal: &'a Terminal,
}

impl Fed<'_> {
    /// Does what the pipeline's `feed:` asks for, if it reads embedded topics: in mode stream the feed starts in the background; in mode
    /// batch it runs to its end first, if the topics hold nothing yet.
    pub(crate) fn start_feeder(&self) -> Result<Feeder, Failure> {
        let Some(feed) = &self.pipeline.spec.feed else { return Ok(Feeder::default()) };
        let topics = embedded_topics(&self.pipeline.spec.sources, self.variables);
        if topics.is_empty() {
            return Ok(Feeder::default());
        }
        match self.pipeline.spec.mode {
            Mode::Stream => {
                self.create(&topics)?;
                self.feed_beside(feed)
            }
            Mode::Batch if self.are_empty(&topics)? => self.feed_before(feed).map(|()| Feeder::default()),
            Mode::Batch => Ok(Feeder::default()),
        }
    }

    /// The reader may look for the topics before the feed has made them.
    fn create(&self, topics: &[String]) -> Result<(), Failure> {
        let log = Topics::below(self.state_root);
        for topic in topics {
            if !log.exists(topic)? {
                log.create(topic, PARTITIONS)?;
            }
        }
        Ok(())
    }

    fn feed_beside(&self, feed: &Feed) -> Result<Feeder, Failure> {
        let (pipeline, variables) = self.open(feed, Mode::Stream)?;
        let path = feed.file.value.clone();
        let stop = StopFlag::default();
        let options = self.options(variables, stop.clone());
        info!("`{}` feeds the embedded topics, in this process", path.display());
        let name = pipeline.plan.name.clone();
        let feeding = move || {
            let ended = run(&pipeline.plan, &options, &Silent);
            if let Err(error) = ended.outcome {
                warn!("`{}` does not feed the embedded topics: {error}; what they hold is read", path.display());
            }
            ended.summary
        };
        let thread = thread::Builder::new().name("feed".into()).spawn(feeding);
        let thread = thread.map_err(|error| Failure::new(FAILED, format!("cannot start a thread: {error}"), ""))?;
        Ok(Feeder { running: Some((stop, name, thread)) })
    }

    fn feed_before(&self, feed: &Feed) -> Result<(), Failure> {
        let (pipeline, variables) = self.open(feed, Mode::Batch)?;
        info!("the embedded topics are empty: `{}` fills them first", feed.file.value.display());
        let progress = ShownProgress::new(self.terminal, Mode::Batch, 1);
        let ended = run(&pipeline.plan, &self.options(variables, self.stop.clone()), &progress);
        progress.finish();
        outcome::show_feeder(&ended.summary, &pipeline.plan.name, self.terminal);
        Ok(ended.outcome?)
    }

    /// The feed's pipeline, whose console sinks show nothing, and its variables.
    fn open(&self, feed: &Feed, mode: Mode) -> Result<(Pipeline, Variables), Failure> {
        let mut set = Vec::new();
        for (name, value) in &feed.set {
            set.push((name.value.clone(), value.resolve(self.variables).map_err(ConnectorError::from)?));
        }
        let variables = self.variables.with(set);
        let pipeline = Pipeline::open(&feed.file.value, Some(mode), &REGISTRY, &variables, self.terminal)?;
        Ok((pipeline, variables))
    }

    fn options(&self, variables: Variables, stop: StopFlag) -> RunOptions {
        RunOptions::new(1, self.state_root.to_owned(), variables, stop)
    }

    /// Whether none of the topics holds a record.
    fn are_empty(&self, topics: &[String]) -> Result<bool, Failure> {
        let held = Topics::below(self.state_root).list()?;
        let filled = |name: &String| {
            held.iter().any(|topic| topic.name == *name && topic.partitions.iter().any(|(first, end)| first < end))
        };
        Ok(!topics.iter().any(filled))
    }
}

impl Feeder {
    /// Asks the feeding pipeline to end, waits until it has, and shows what it did.
    pub(crate) fn stop(self, terminal: &Terminal) {
        if let Some((stop, pipeline, thread)) = self.running {
            stop.set();
            // A panic in the thread has ended the process before this.
            if let Ok(summary) = thread.join() {
                outcome::show_feeder(&summary, &pipeline, terminal);
            }
        }
    }
}

/// The topics of the Kafka sources whose brokers are the embedded ones.
fn embedded_topics(sources: &[Item], variables: &Variables) -> Vec<String> {
    sources.iter().filter_map(|source| topics_of(source, variables)).flatten().collect()
}

fn topics_of(source: &Item, variables: &Variables) -> Option<Vec<String>> {
    let kind = REGISTRY.sources.iter().find(|kind| kind.name() == "kafka")?;
    let Content::Map(pairs) = &source.node.content else { return None };
    let (_, node) = pairs.iter().find(|(name, _)| name.value == kind.name())?;
    // The pipeline has been checked: what would be said here was said then.
    let entry = Entry::read(node, kind.keys(), variables, &mut Diagnostics::default())?;
    if entry.text_if("brokers")?.resolve(variables).ok()? != EMBEDDED {
        return None;
    }
    entry.texts("topics").iter().map(|topic| topic.resolve(variables).ok()).collect()
}
