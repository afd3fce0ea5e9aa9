//! The entries of `sinks:` and `reports:`.

use std::sync::Arc;

use crate::connector::{CheckContext, SinkInput, SinkMode};
use crate::diagnostic::{Code, nearest};
use crate::operator::FROM;
use crate::plan::{Late, Report, Target, fingerprint};
use crate::spec::{Entry, Item, Key, Kind, Spanned};

use super::Checker;
use super::connector_key::{Connected, Connectors};
use super::draft::{Draft, OpDraft, Output, Place, SinkDraft};
use super::misplaced::Section;
use super::names::taken_names;

/// The keys that every sink has.
pub(crate) const SINK_KEYS: &[Key] = &[
    FROM,
    Key::default(
        "late",
        Kind::Choice(&["correct", "divert", "drop"]),
        "correct",
        "what becomes of late rows: `correct` counts them in, `divert` makes them dead letters, `drop` counts them as late",
    ),
];

impl Checker<'_> {
    pub(super) fn sinks(&mut self, draft: &mut Draft) {
        for item in self.entries(&self.spec.sinks, Section::Sinks, draft) {
            self.sink(item, draft);
        }
    }

    fn sink(&mut self, item: &Item, draft: &mut Draft) -> Option<()> {
        let connectors = Connectors { what: "sink", kinds: self.registry.sinks, common: SINK_KEYS };
        let connector = self.connector_of(item, &connectors);
        let rest = connector.as_ref().map_or(&item.node, |connected| &connected.rest);
        let from = taken_names(rest);
        let inputs: Vec<Option<Output>> = from.iter().map(|name| self.take(name, draft)).collect();
        let Connected { kind, own, rest } = connector?;
        let (common, _) = Entry::salvage(&rest, SINK_KEYS, self.variables, self.diagnostics);
        let own = Entry::read(&own, kind.keys(), self.variables, self.diagnostics);
        if common.has(FROM.name) && from.is_empty() {
            self.diagnostics
                .error(Code::BadValue, common.span_of(FROM.name), "`from` names no input")
                .hint("name a source or an operator");
        }
        let inputs = inputs.into_iter().collect::<Option<Vec<Output>>>().filter(|inputs| !inputs.is_empty())?;
        let output = self.union(&from, inputs)?;
        let input = SinkInput {
            name: item.name.value.clone(),
            schema: output.schema.clone(),
            mode: if output.appends { SinkMode::Appends } else { SinkMode::Changes },
            order: output.order.clone(),
        };
        let mut context =
            CheckContext { folder: &item.folder, variables: self.variables, diagnostics: self.diagnostics };
        let sink = Arc::from(kind.check(&own?, &input, &mut context)?);
        let late = common.word("late");
        let places = self.on_time(item, &late, &output, draft)?;
        let columns: Vec<String> = output.schema.names().map(str::to_owned).collect();
        draft.add_exits(&places, &columns, Target::Sink(draft.sinks.len()));
        let above: Vec<&str> = output.fingerprints.iter().map(String::as_str).collect();
        let meaning = if late.value == "correct" { "sink".to_owned() } else { format!("sink, late: {}", late.value) };
        draft.sinks.push(SinkDraft { input, sink, fingerprint: fingerprint(&meaning, &above) });
        Some(())
    }

    /// Where a sink takes its rows: behind a step that takes late ones out, if the sink wants that.
    fn on_time(
        &mut self,
        item: &Item,
        late: &Spanned<String>,
        output: &Output,
        draft: &mut Draft,
    ) -> Option<Vec<Place>> {
        let late_rows = match late.value.as_str() {
            "drop" => Late::Drop,
            "divert" => Late::Divert,
            _ => return Some(output.places.clone()),
        };
        if !output.timed {
            let message = format!("`late: {}` needs rows that know when they happened", late.value);
            self.diagnostics.error(Code::NeedsEventTime, late.span, message).hint(
                "take rows from a source with `event_time`, with only filter, select, derive, bucket, route and union \
                 between; behind other operators late rows are part of the result",
            );
            return None;
        }
        let step = |place: &Place| draft.add_step(*place, &item.name.value, OpDraft::OnTime(late_rows));
        Some(output.places.iter().map(step).collect())
    }

    /// Resolves the sinks of reports; a sink that failed its own check has been reported.
    pub(super) fn reports(&mut self, draft: &Draft) -> Vec<Report> {
        let mut reports = Vec::new();
        for report in &self.spec.reports {
            let names: Vec<&str> = self.spec.sinks.iter().map(|item| item.name.value.as_str()).collect();
            if !names.contains(&report.sink.value.as_str()) {
                let near = nearest(&report.sink.value, names.iter().copied());
                if near.is_none() && (names.is_empty() || draft.misplaced || !self.spec.complete) {
                    continue;
                }
                let message = format!("no sink is called `{}`", report.sink.value);
                let found = self.diagnostics.error(Code::UnknownName, report.sink.span, message);
                match near {
                    Some(near) => found.did_you_mean(Some(near)),
                    None => found.hint(format!("sinks: {}", names.join(", "))),
                };
                continue;
            }
            let Some(at) = draft.sinks.iter().position(|sink| sink.input.name == report.sink.value) else { continue };
            if !draft.sinks[at].sink.answers_queries() {
                let message = format!("sink `{}` is no database, so no report can be made from it", report.sink.value);
                self.diagnostics.error(Code::SinkCannotTake, report.sink.span, message).hint("name a `mysql` sink");
                continue;
            }
            let sql = report.sql.value.resolve(self.variables).ok();
            if let Some((message, hint)) = sql.and_then(|sql| draft.sinks[at].sink.refuses_query(&sql)) {
                self.diagnostics.error(Code::BadValue, report.sql.span, message).hint(hint);
                continue;
            }
            let title = report.title.as_ref().map_or_else(|| report.name.value.clone(), ToString::to_string);
            reports.push(Report { name: report.name.value.clone(), title, sink: at, sql: report.sql.value.clone() });
        }
        reports
    }
}
