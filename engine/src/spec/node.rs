//! One YAML node with the bytes it stands on.

use crate::diagnostic::Span;

use super::scalar::Spanned;
use super::variables::{Text, Variables};

/// A node of a YAML document.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it holds.
    pub content: Content,
    /// Where it stands; for a scalar the very word, quotes included.
    pub span: Span,
}

/// What a node holds. Scalars keep their text: what a scalar means depends on the key that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar: the text after YAML's unquoting.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order written; keys may still repeat.
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// What kind of node this is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Scalar(_) => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// The node's content in one fixed form, with variables replaced: equal contents give equal texts, whatever the layout.
    #[must_use]
    pub fn canonical(&self, variables: &Variables) -> String {
        let list = |parts: Vec<String>| parts.join(",");
        match &self.content {
            Content::Null => "~".into(),
            Content::Scalar(text) => {
                let resolved = Text::parse(text).ok().and_then(|text| text.resolve(variables).ok());
                format!("{:?}", resolved.as_deref().unwrap_or(text))
            }
            Content::List(nodes) => format!("[{}]", list(nodes.iter().map(|node| node.canonical(variables)).collect())),
            Content::Map(pairs) => {
                let pairs = pairs.iter().map(|(name, node)| format!("{:?}:{}", name.value, node.canonical(variables)));
                format!("{{{}}}", list(pairs.collect()))
            }
        }
    }
}
