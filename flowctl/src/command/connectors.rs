//! `flowctl connectors`: every connector and format, with its keys, from the tables that read them.

use std::fmt::Write;

use clap::Args;
use connectors::REGISTRY;
use engine::connector::Registry;
use engine::diagnostic::nearest;
use engine::spec::{Key, Kind, Need};

use crate::exit::Failure;
use crate::terminal::Terminal;

/// List sources, sinks and formats, or the keys of one of them
#[derive(Args, Debug)]
pub(crate) struct Connectors {
    /// A connector's name, as `kafka`
    name: Option<String>,
}

impl Connectors {
    /// Prints the list, or the manual of one connector.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let entries = entries(&REGISTRY);
        let Some(name) = self.name else {
            return terminal.print(&overview(&entries));
        };
        let named: Vec<&Described> = entries.iter().filter(|entry| entry.name == name).collect();
        if named.is_empty() {
            let hint = match nearest(&name, entries.iter().map(|entry| entry.name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`flowctl connectors` lists them".to_owned(),
            };
            return Err(Failure::wrong(format!("no connector or format is called `{name}`"), hint));
        }
        terminal.print(&named.into_iter().map(manual).collect::<Vec<_>>().join("\n"))
    }
}

/// A connector or format, as users see it.
struct Described {
    role: &'static str,
    name: &'static str,
    about: &'static str,
    keys: &'static [Key],
}

fn entries(registry: &Registry) -> Vec<Described> {
    let sources = registry.sources.iter().map(|kind| ("source", kind.name(), kind.about(), kind.keys()));
    let sinks = registry.sinks.iter().map(|kind| ("sink", kind.name(), kind.about(), kind.keys()));
    let formats = registry.formats.iter().map(|kind| ("format", kind.name(), kind.about(), &[] as &[Key]));
    let all = sources.chain(sinks).chain(formats);
    all.map(|(role, name, about, keys)| Described { role, name, about, keys }).collect()
}

fn overview(entries: &[Described]) -> String {
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for role in ["source", "sink", "format"] {
        let mut group = entries.iter().filter(|entry| entry.role == role).peekable();
        if group.peek().is_some() {
            // Writing into a string cannot fail, here and below.
            let _ = writeln!(text, "{role}s");
        }
        for entry in group {
            let _ = writeln!(text, "  {:width$}  {}", entry.name, entry.about);
        }
    }
    text.push_str("\n`flowctl connectors NAME` shows the keys of one.\n");
    text
}

fn manual(entry: &Described) -> String {
    let mut text = format!("{} ({})\n  {}\n", entry.name, entry.role, entry.about);
    keys(&mut text, entry.keys, 1);
    text
}

fn keys(text: &mut String, table: &[Key], depth: usize) {
    let indent = "  ".repeat(depth);
    for key in table {
        let need = match key.need {
            Need::Required => "required".to_owned(),
            Need::Optional => "optional".to_owned(),
            Need::Default(default) => format!("default {default}"),
        };
        let group = inner_keys(&key.kind);
        let kind = match group {
            Some(_) => "a map of the keys below".to_owned(),
            None => key.kind.describe(),
        };
        let _ = writeln!(text, "\n{indent}{}: {kind} ({need})\n{indent}    {}", key.name, key.doc);
        if let Some(group) = group {
            keys(text, group, depth + 2);
        }
    }
}

fn inner_keys(kind: &Kind) -> Option<&'static [Key]> {
    match kind {
        Kind::Group(keys) => Some(keys),
        Kind::List(element) | Kind::Map(element) => inner_keys(element),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECURITY: &[Key] = &[Key::optional("password", Kind::Secret, "the word")];
    const KEYS: &[Key] = &[
        Key::required("brokers", Kind::Text, "where they are"),
        Key::default("every", Kind::Duration, "20s", "how often"),
        Key::optional("security", Kind::Group(SECURITY), "how to get in"),
    ];

    #[test]
    fn a_manual_shows_every_key_with_kind_default_and_meaning() {
        let entry = Described { role: "source", name: "kafka", about: "Reads topics.", keys: KEYS };
        assert_eq!(
            manual(&entry),
            "kafka (source)\n  Reads topics.\n\
             \n  brokers: text (required)\n      where they are\n\
             \n  every: a duration such as `20s` (default 20s)\n      how often\n\
             \n  security: a map of the keys below (optional)\n      how to get in\n\
             \n      password: text (secret) (optional)\n          the word\n"
        );
    }

    #[test]
    fn every_kind_of_the_registry_is_listed() {
        let entries = entries(&REGISTRY);
        let text = overview(&entries);
        assert!(entries.iter().any(|entry| entry.name == "console"));
        assert!(entries.iter().all(|entry| text.contains(entry.about)), "{text}");
    }
}
