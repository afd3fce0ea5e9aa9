//! Entries that have lost what belongs into them: it stands beside them, for want of indentation.

use crate::diagnostic::Code;
use crate::spec::{Content, Item};

use super::Checker;
use super::draft::Draft;

impl Checker<'_> {
    /// The entries of a section of `what`s. An empty one is reported, and left out, together with those behind it that are called like
    /// what stands `inside` an entry.
    pub(super) fn entries<'i>(
        &mut self,
        items: &'i [Item],
        what: &str,
        inside: impl Fn(&str) -> bool,
        draft: &mut Draft,
    ) -> Vec<&'i Item> {
        let mut entries = Vec::with_capacity(items.len());
        let mut rest = items;
        while let [item, behind @ ..] = rest {
            let beside = |next: &&Item| next.name.span.file == item.name.span.file && inside(&next.name.value);
            let lost = match item.node.content {
                Content::Null => behind.iter().take_while(beside).count(),
                _ => 0,
            };
            let (lost, behind) = behind.split_at(lost);
            if lost.is_empty() {
                entries.push(item);
            } else {
                self.report_lost(item, what, lost);
                draft.outputs.insert(item.name.value.clone(), None);
            }
            rest = behind;
        }
        entries
    }

    fn report_lost(&mut self, item: &Item, what: &str, lost: &[Item]) {
        let names: Vec<String> = lost.iter().map(|item| format!("`{}`", item.name.value)).collect();
        let (verb, them) = if lost.len() == 1 { ("stands", "it") } else { ("stand", "them") };
        let message =
            format!("{what} `{}` is empty: {} {verb} beside it, not below it", item.name.value, names.join(", "));
        let found = self.diagnostics.error(Code::WrongKind, item.name.span, message);
        found.hint(format!("indent {them} further than `{}:`", item.name.value));
        for item in lost {
            found.label(item.name.span, "");
        }
    }
}
