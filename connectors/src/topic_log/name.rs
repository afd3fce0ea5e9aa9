//! Which texts can be topics' names.

/// The longest name, in bytes.
pub(super) const NAME_MAX: usize = 249;

/// Why Kafka takes this for no topic's name; `None` if it does (`org.apache.kafka.common.internals.Topic`).
pub(crate) fn name_problem(name: &str) -> Option<String> {
    let odd = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-'));
    match (name, odd) {
        ("", _) => Some("a topic's name cannot be empty".to_owned()),
        ("." | "..", _) => Some(format!("`{name}` cannot be a topic's name")),
        (_, Some(odd)) => Some(format!("`{}` is no topic's name: `{}` stands in it", shown(name), odd.escape_debug())),
        _ if name.len() > NAME_MAX => {
            Some(format!("`{}` is no topic's name: it has {} characters", shown(name), name.len()))
        }
        _ => None,
    }
}

/// As [`name_problem`], for the embedded log: there, names that begin with a dot are not topics yet.
pub(crate) fn embedded_name_problem(name: &str) -> Option<String> {
    let hidden = || format!("`{}` cannot be a topic's name in the embedded log: it begins with a dot", shown(name));
    name_problem(name).or_else(|| name.starts_with('.').then(hidden))
}

/// What to do about it.
pub(crate) const NAME_HINT: &str = "use 1 to 249 letters, digits, `.`, `_` and `-`, with no `.` first";

fn shown(name: &str) -> String {
    let start: String = name.chars().take(40).collect();
    let cut = if start.len() < name.len() { "…" } else { "" };
    format!("{}{cut}", start.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_other_texts() {
        for good in ["a", "twitch_streams_high", "A.b-1", ".hidden", "...", &"x".repeat(NAME_MAX)] {
            assert_eq!(name_problem(good), None);
        }
        for (wrong, word) in [("", "empty"), (".", "`.`"), ("..", "`..`"), ("b c", "` `"), ("a/b", "`/`"), ("ä", "`ä`")]
        {
            assert!(name_problem(wrong).is_some_and(|problem| problem.contains(word)), "{wrong}");
        }
        let long = name_problem(&"x".repeat(NAME_MAX + 1)).expect("too long");
        assert!(long.contains("250 characters") && long.len() < 120, "{long}");
        assert!(embedded_name_problem(".hidden").is_some() && embedded_name_problem("a.b").is_none());
    }
}
