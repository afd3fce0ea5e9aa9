//! One poll: all of its crawls, duplicates dropped.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::http::{Client, Crawl, HttpError, Step};

use super::deliver::ROWS_MAX;
use super::page::Page;
use super::queries::Queries;

/// The most bytes of one poll, about ten times what all of Twitch has live.
const PAYLOAD_MAX: usize = 1 << 30;

/// What a poll brought.
#[derive(Debug, Default)]
pub(super) struct Poll {
    /// The bytes of all rows.
    pub(super) payload: Vec<u8>,
    /// Where each row lies.
    pub(super) rows: Vec<Range<u32>>,
    /// Whether everything was read.
    pub(super) complete: bool,
    /// Why it ended.
    pub(super) reason: String,
    /// What made it fail, and whether that was its very first call.
    pub(super) failure: Option<(HttpError, bool)>,
}

/// Reads everything that a poll asks for. A failure ends the poll; what was read until then stays.
pub(super) async fn poll(client: Arc<Client>, queries: Arc<Queries>) -> Poll {
    let mut poll = Poll { complete: true, ..Poll::default() };
    let mut ids = HashSet::new();
    let mut calls = 0;
    for query in queries.crawls() {
        let mut crawl = Crawl::new(queries.pages_max);
        let mut after = None;
        loop {
            let mut query = query.clone();
            query.extend(after.take().map(|cursor| ("after".to_owned(), cursor)));
            calls += 1;
            let page = match client.get("/streams", &query, Page::read).await {
                Ok(page) => page,
                Err(error) => return poll.failed(error, calls == 1),
            };
            let step = crawl.page(&page.outline);
            poll.take(&page, &mut ids);
            if poll.is_full() {
                poll.complete = false;
                poll.reason = format!("a poll holds at most {ROWS_MAX} rows and {PAYLOAD_MAX} bytes");
                return poll;
            }
            match step {
                Step::Next(cursor) => after = Some(cursor),
                Step::End(stop) => {
                    if poll.complete {
                        poll.reason = stop.to_string();
                    }
                    poll.complete &= stop.is_complete();
                    break;
                }
            }
        }
    }
    poll
}

impl Poll {
    fn failed(mut self, error: HttpError, first: bool) -> Self {
        self.complete = false;
        self.reason = error.to_string();
        self.failure = Some((error, first));
        self
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= ROWS_MAX || self.payload.len() >= PAYLOAD_MAX
    }

    /// Keeps the streams that no page of this poll has shown before.
    fn take(&mut self, page: &Page, ids: &mut HashSet<String>) {
        for (span, id) in page.streams.iter().zip(&page.outline.ids) {
            let fresh = id.is_empty() || ids.insert(id.clone());
            if fresh && !self.is_full() {
                let start = self.payload.len() as u32;
                self.payload.extend_from_slice(&page.body[span.clone()]);
                self.rows.push(start..self.payload.len() as u32);
            }
        }
    }
}
