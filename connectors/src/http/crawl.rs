//! Cursor after cursor: when a crawl over pages goes on and when it ends.

use std::collections::HashSet;

/// What the stop rules look at on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageOutline {
    /// The ids of its items, in order; empty for an item without one.
    pub ids: Vec<String>,
    /// The measure that pages are sorted by, greatest first, of the first item that has one and the last.
    pub ends: Option<(i64, i64)>,
    /// The cursor of the next page.
    pub cursor: Option<String>,
}

/// What comes after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The page with this cursor.
    Next(String),
    /// Nothing.
    End(Stop),
}

/// Why a crawl ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The last page has no cursor.
    #[error("the last page was reached")]
    Finished,
    /// As many pages as wanted were read.
    #[error("the page limit was reached")]
    PageLimit,
    /// A page has a cursor but no items.
    #[error("a page is empty")]
    EmptyPage,
    /// The cursor of a page is one that was followed before.
    #[error("the server repeats a cursor")]
    RepeatedCursor,
    /// The pages begin anew from the top.
    #[error("the pages start again from the top")]
    LoopedBack,
}

impl Stop {
    /// Whether everything that was wanted has been read.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Finished | Self::PageLimit | Self::EmptyPage)
    }
}

/// Follows the cursors of one crawl. A short page is not the last one: only these rules end a crawl.
#[derive(Debug)]
pub struct Crawl {
    pages_left: u32,
    cursors: HashSet<String>,
    ids: HashSet<String>,
    last: Option<i64>,
}

/// How far above the last measure a page must begin, beside twice the measure, to count as the top again: counts shift a little between
/// pages.
const WELL_ABOVE: i64 = 100;

impl Crawl {
    /// A crawl over at most this many pages.
    #[must_use]
    pub fn new(pages_max: u32) -> Self {
        Self { pages_left: pages_max, cursors: HashSet::new(), ids: HashSet::new(), last: None }
    }

    /// Takes note of a page and says what comes next.
    pub fn page(&mut self, outline: &PageOutline) -> Step {
        let seen_before = outline.ids.first().is_some_and(|id| self.ids.contains(id));
        let fresh = outline.ids.iter().filter(|id| id.is_empty() || self.ids.insert((*id).clone())).count();
        let jumped = match (self.last, outline.ends) {
            (Some(last), Some((first, _))) => first > last.saturating_mul(2).saturating_add(WELL_ABOVE),
            _ => false,
        };
        let looped = !outline.ids.is_empty() && (fresh == 0 || (seen_before && jumped));
        self.last = outline.ends.map(|ends| ends.1).or(self.last);
        self.pages_left = self.pages_left.saturating_sub(1);
        match outline.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
            None => Step::End(if looped { Stop::LoopedBack } else { Stop::Finished }),
            Some(_) if outline.ids.is_empty() => Step::End(Stop::EmptyPage),
            Some(_) if looped => Step::End(Stop::LoopedBack),
            Some(cursor) if self.cursors.contains(cursor) => Step::End(Stop::RepeatedCursor),
            Some(_) if self.pages_left == 0 => Step::End(Stop::PageLimit),
            Some(cursor) => {
                self.cursors.insert(cursor.to_owned());
                Step::Next(cursor.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: &[&str], ends: (i64, i64), cursor: &str) -> PageOutline {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        PageOutline { ids, ends: Some(ends), cursor: Some(cursor.to_owned()) }
    }

    #[test]
    fn a_crawl_goes_on_over_short_pages_and_ends_without_a_cursor() {
        let mut crawl = Crawl::new(10);
        assert_eq!(crawl.page(&page(&["a", "b"], (90, 80), "1")), Step::Next("1".into()));
        assert_eq!(crawl.page(&page(&["b"], (81, 81), "2")), Step::End(Stop::LoopedBack));
        let mut crawl = Crawl::new(10);
        crawl.page(&page(&["a", "b"], (90, 80), "1"));
        assert_eq!(crawl.page(&page(&["b", "c"], (81, 70), "2")), Step::Next("2".into()));
        assert_eq!(crawl.page(&page(&["d"], (60, 60), "")), Step::End(Stop::Finished));
    }

    #[test]
    fn every_stop_rule_ends_a_crawl() {
        let after_first = |next: &PageOutline| {
            let mut crawl = Crawl::new(2);
            crawl.page(&page(&["a", "b"], (900, 80), "1"));
            crawl.page(next)
        };
        let ends = Step::End;
        assert_eq!(after_first(&PageOutline::default()), ends(Stop::Finished));
        assert_eq!(after_first(&PageOutline { cursor: Some("2".into()), ..Default::default() }), ends(Stop::EmptyPage));
        assert_eq!(after_first(&page(&["c"], (70, 60), "1")), ends(Stop::RepeatedCursor));
        assert_eq!(after_first(&page(&["c"], (70, 60), "2")), ends(Stop::PageLimit));
        assert_eq!(after_first(&page(&["a", "c"], (900, 80), "2")), ends(Stop::LoopedBack));
        assert_eq!(after_first(&page(&["a", "b"], (900, 80), "2")), ends(Stop::LoopedBack));
    }

    #[test]
    fn a_page_that_begins_high_with_a_new_item_is_no_loop() {
        let mut crawl = Crawl::new(9);
        crawl.page(&page(&["a"], (900, 80), "1"));
        assert_eq!(crawl.page(&page(&["c"], (5000, 60), "2")), Step::Next("2".into()));
        assert_eq!(crawl.page(&page(&["", "d"], (50, 60), "3")), Step::Next("3".into()));
    }
}
