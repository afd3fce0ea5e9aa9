//! `flowctl topic`: looks into topics and fills them, on real brokers and in the embedded log alike.

mod cat;
mod produce;

use clap::{Args, Subcommand};
use connectors::console::draw_grid;
use connectors::kafka::TopicAccess;
use engine::connector::{Grid, StopFlag};

use crate::exit::Failure;
use crate::pipeline::{StateFolder, assignment};
use crate::terminal::Terminal;

use cat::Cat;
use produce::Produce;

/// The brokers that stand for the topic log below the state folder.
const EMBEDDED: &str = "embedded";

/// List topics, print their records, or append to them
#[derive(Args, Debug)]
pub(crate) struct Topic {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Ls(Ls),
    Cat(Cat),
    Produce(Produce),
}

/// List topics: partitions and records of each
#[derive(Args, Debug)]
struct Ls {
    #[command(flatten)]
    place: Place,
}

/// Where topics are.
#[derive(Args, Debug)]
struct Place {
    /// `embedded`, or a list of brokers, as localhost:9092
    #[arg(long, value_name = "BROKERS", env = "KAFKA_BROKERS", default_value = EMBEDDED)]
    brokers: String,
    /// A setting of librdkafka, as security.protocol=SSL
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = assignment)]
    options: Vec<(String, String)>,
    #[command(flatten)]
    state: StateFolder,
}

impl Topic {
    /// Does what was asked.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        match self.what {
            What::Ls(ls) => ls.run(terminal),
            What::Cat(cat) => cat.run(terminal),
            What::Produce(produce) => produce.run(terminal),
        }
    }
}

impl Ls {
    fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let topics = self.place.open(&StopFlag::default())?.list()?;
        let row = |topic: &connectors::topic_log::TopicSummary| {
            let records: u64 = topic.partitions.iter().map(|(first, end)| end.saturating_sub(*first)).sum();
            vec![Some(topic.name.clone()), Some(topic.partitions.len().to_string()), Some(records.to_string())]
        };
        let columns = ["topic", "partitions", "records"].map(str::to_owned).to_vec();
        terminal.print(&draw_grid(&Grid { columns, rows: topics.iter().map(row).collect() }, None))
    }
}

impl Place {
    fn open(&self, stop: &StopFlag) -> Result<TopicAccess, Failure> {
        Ok(TopicAccess::new(self.brokers(), &self.options, &self.state.root, stop)?)
    }

    /// An empty variable counts as none, as everywhere.
    fn brokers(&self) -> &str {
        if self.brokers.is_empty() { EMBEDDED } else { &self.brokers }
    }
}
