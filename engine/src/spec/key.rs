//! Tables of keys: one definition that parses an entry, explains it and documents it.

/// One key that an entry may have.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The word before the colon.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// Whether it must be there.
    pub need: Need,
    /// What it is for, in one sentence.
    pub doc: &'static str,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Missing is an error.
    Required,
    /// Missing is missing.
    Optional,
    /// Missing is this text.
    Default(&'static str),
}

/// What a key's value must be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text; variables are resolved when it is used, so that a check needs no environment.
    Text,
    /// Text that must never be shown.
    Secret,
    /// A whole number in a range, both ends included.
    Int(i64, i64),
    /// `true` or `false`.
    Bool,
    /// A number and a unit, as `20s`.
    Duration,
    /// A number of bytes and a unit, as `2GiB`.
    Size,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of a column.
    Column,
    /// The name of something else that is not text: a source, an operator, a format.
    Name,
    /// A SQL expression.
    Expression,
    /// A list of such values; a single one stands for a list of one.
    List(&'static Kind),
    /// Free names to such values, in order.
    Map(&'static Kind),
    /// Further keys.
    Group(&'static [Key]),
    /// Anything; whoever reads it looks into the node.
    Any,
}

impl Key {
    /// A key that must be there.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, kind, need: Need::Required, doc }
    }

    /// A key that may be missing.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, kind, need: Need::Optional, doc }
    }

    /// A key with a default, written as in YAML.
    #[must_use]
    pub const fn default(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Self {
        Self { name, kind, need: Need::Default(default), doc }
    }
}

impl Kind {
    /// What to write, for messages and manuals.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Secret => "text (secret)".into(),
            Self::Int(low, high) if *high == i64::MAX => format!("a whole number from {low}"),
            Self::Int(low, high) => format!("a whole number from {low} to {high}"),
            Self::Bool => "`true` or `false`".into(),
            Self::Duration => "a duration such as `20s`".into(),
            Self::Size => "a size such as `2GiB`".into(),
            Self::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
            Self::Column => "a column's name".into(),
            Self::Name => "a name".into(),
            Self::Expression => "an expression".into(),
            Self::List(element) => format!("{}, or a list of them", element.describe()),
            Self::Map(Self::Any) => "a map of names".into(),
            Self::Map(element) => format!("a map of names, each with {}", element.describe()),
            Self::Group(keys) => describe_keys(keys),
            Self::Any => "a value".into(),
        }
    }
}

/// The keys that a map may have, for messages.
pub(super) fn describe_keys(keys: &[Key]) -> String {
    let names: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
    if names.is_empty() { "an empty map".into() } else { format!("a map of {}", names.join(", ")) }
}
