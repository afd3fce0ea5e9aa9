//! How a topic is kept, and what of that does not go with how it is written.

use crate::kafka::connection::Cluster;
use crate::kafka::rows::TopicMode;

use super::admin::Admin;

/// What matters of a topic's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicSettings {
    cleanup: String,
    /// The least number of replicas that must have a record before it is acknowledged.
    insync_min: String,
}

impl TopicSettings {
    /// Asks the brokers; `None` if they do not tell.
    pub(super) fn ask(cluster: &Cluster, topic: &str) -> Option<Self> {
        let found = Admin::new(cluster).ok()?.settings(topic)?;
        let value = |name: &str| found.get(name)?.value.clone();
        Some(Self { cleanup: value("cleanup.policy")?, insync_min: value("min.insync.replicas")? })
    }

    /// Whether records are deleted by age or size, and not only when a later one of their key has come.
    pub(super) fn forgets(&self) -> bool {
        self.cleanup != "compact"
    }

    /// Whether only the last record of each key is kept.
    pub(super) fn compacts(&self) -> bool {
        self.cleanup.contains("compact")
    }

    /// What to warn of.
    pub(super) fn warnings(&self, topic: &str, mode: TopicMode, replicas: Option<usize>) -> Vec<String> {
        let mut warnings = Vec::new();
        match mode {
            TopicMode::Upsert if self.forgets() => warnings.push(format!(
                "topic `{topic}` has `cleanup.policy={}`: present rows are deleted with age; `compact` keeps each key's last record",
                self.cleanup
            )),
            TopicMode::Append if self.compacts() => warnings.push(format!(
                "topic `{topic}` has `cleanup.policy={}`: of rows with equal keys only the last is kept; `delete` keeps all",
                self.cleanup
            )),
            _ => {}
        }
        if self.insync_min == "1" && replicas.is_some_and(|replicas| replicas > 1) {
            warnings.push(format!(
                "topic `{topic}` has `min.insync.replicas=1`: an epoch that one broker alone has acknowledged is lost with it; set it to 2"
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_together_is_warned_of() {
        let count = |cleanup: &str, insync_min: &str, mode, replicas| {
            let settings = TopicSettings { cleanup: cleanup.into(), insync_min: insync_min.into() };
            settings.warnings("t", mode, replicas).len()
        };
        assert_eq!(count("delete", "2", TopicMode::Append, Some(3)), 0);
        assert_eq!(count("compact", "2", TopicMode::Upsert, Some(3)), 0);
        assert_eq!(count("compact", "2", TopicMode::Append, Some(3)), 1);
        assert_eq!(count("compact,delete", "2", TopicMode::Upsert, Some(3)), 1);
        assert_eq!(count("delete", "1", TopicMode::Upsert, Some(3)), 2);
        assert_eq!(count("delete", "1", TopicMode::Append, Some(1)), 0);
        assert_eq!(count("delete", "1", TopicMode::Append, None), 0);
    }
}
