//! The entries of `sinks:` and `reports:`.

use std::sync::Arc;

use crate::connector::{CheckContext, Sink, SinkInput, SinkKind, SinkMode};
use crate::diagnostic::{Code, Diagnostics, Span, nearest};
use crate::operator::FROM;
use crate::plan::{Late, Report, Target, fingerprint};
use crate::spec::{Item, Key, Kind, Node, Spanned};

use super::Checker;
use super::connector_key::{Connected, Connectors};
use super::draft::{Draft, OpDraft, Output, Place, SinkDraft};
use super::misplaced::Section;

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

fn sink_input(item: &Item, output: &Output, appends: bool) -> SinkInput {
    SinkInput {
        name: item.name.value.clone(),
        schema: output.columns.known.clone(),
        mode: if appends { SinkMode::Appends } else { SinkMode::Changes },
        order: output.order.clone(),
    }
}

impl Checker<'_> {
    pub(super) fn sinks(&mut self, draft: &mut Draft) {
        for item in self.entries(&self.spec.sinks, Section::Sinks, draft) {
            self.sink(item, draft);
        }
    }

    /// Checks a sink: all of its parts, whatever is wrong with the others and with what it takes rows from.
    fn sink(&mut self, item: &Item, draft: &mut Draft) {
        let connectors = Connectors { what: "sink", kinds: self.registry.sinks, common: SINK_KEYS };
        let Some(Connected { kind, own, rest }) = self.connector_of(item, &connectors) else { return };
        let reading = self.read(&rest, SINK_KEYS);
        let taken = self.taken(&rest);
        self.repeated(&taken);
        let output = self.take_all(&taken, draft);
        let Some(common) = reading.forms.first() else { return };
        if reading.sound && taken.names.is_empty() {
            self.diagnostics
                .error(Code::BadValue, common.span_of(FROM.name), "`from` names no input")
                .hint("name a source or an operator");
        }
        let late = common.word("late");
        let late_rows =
            reading.check(self.diagnostics, |entry, diagnostics| late_rows(&entry.word("late"), &output, diagnostics));
        let sink = kind.and_then(|kind| self.checked_sink(kind, &own, item, &output));
        if let Some(target) = sink.as_ref().and_then(|sink| sink.target(self.variables)) {
            self.keep_apart(&item.name.value, item.name.span, target, draft);
        }
        let (Some(sink), Some(Some(late_rows))) = (sink, late_rows) else { return };
        let places = draft.on_time(item, late_rows, &output);
        let columns: Vec<String> = output.columns.known.names().map(str::to_owned).collect();
        draft.add_exits(&places, &columns, Target::Sink(draft.sinks.len()));
        let above: Vec<&str> = output.fingerprints.iter().map(String::as_str).collect();
        let meaning = if late.value == "correct" { "sink".to_owned() } else { format!("sink, late: {}", late.value) };
        let input = sink_input(item, &output, output.appends.unwrap_or(true));
        draft.sinks.push(SinkDraft { input, sink, fingerprint: fingerprint(&meaning, &above) });
    }

    fn checked_sink(&mut self, kind: &dyn SinkKind, own: &Node, item: &Item, output: &Output) -> Option<Arc<dyn Sink>> {
        let reading = self.read(own, kind.keys());
        let (folder, variables) = (&item.folder, self.variables);
        // As with what is wrong in the entry: if nobody knows whether rows are taken back, both are tried.
        let inputs: Vec<SinkInput> = match output.appends {
            Some(appends) => vec![sink_input(item, output, appends)],
            None => vec![sink_input(item, output, true), sink_input(item, output, false)],
        };
        let sink = reading.check_with(&inputs, self.diagnostics, |entry, input, diagnostics| {
            output.columns.judge(diagnostics, |_, diagnostics| {
                kind.check(entry, input, &mut CheckContext { folder, variables, diagnostics })
            })
        });
        sink.flatten().map(Arc::from)
    }

    /// Reports a sink that writes where another one does.
    pub(super) fn keep_apart(&mut self, name: &str, at: Span, target: String, draft: &mut Draft) {
        if let Some((first, span)) = draft.targets.get(&target) {
            let message = format!("sink `{name}` writes to the same place as `{first}`: {target}");
            self.diagnostics
                .error(Code::Conflict, at, message)
                .hint("give each a place of its own, or let one sink take the rows of both: `from: [a, b]`")
                .label(*span, "the first");
            return;
        }
        draft.targets.insert(target, (name.to_owned(), at));
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
            let Some(sql) = &report.sql else { continue };
            let query = sql.value.resolve(self.variables).ok();
            if let Some((message, hint)) = query.and_then(|query| draft.sinks[at].sink.refuses_query(&query)) {
                self.diagnostics.error(Code::BadValue, sql.span, message).hint(hint);
                continue;
            }
            let title = report.title.as_ref().map_or_else(|| report.name.value.clone(), ToString::to_string);
            reports.push(Report { name: report.name.value.clone(), title, sink: at, sql: sql.value.clone() });
        }
        reports
    }
}

/// What becomes of late rows: they are counted in if nothing is said; none if the rows cannot tell whether they are late.
fn late_rows(late: &Spanned<String>, output: &Output, diagnostics: &mut Diagnostics) -> Option<Option<Late>> {
    let late_rows = match late.value.as_str() {
        "drop" => Late::Drop,
        "divert" => Late::Divert,
        _ => return Some(None),
    };
    if !output.timed {
        let message = format!("`late: {}` needs rows that know when they happened", late.value);
        diagnostics.error(Code::NeedsEventTime, late.span, message).hint(
            "take rows from a source with `event_time`, with only filter, select, derive, bucket, route and union \
             between; behind other operators late rows are part of the result",
        );
        return None;
    }
    Some(Some(late_rows))
}

impl Draft {
    /// Where a sink takes its rows: behind a step that takes late ones out, if the sink wants that.
    fn on_time(&mut self, item: &Item, late: Option<Late>, output: &Output) -> Vec<Place> {
        let Some(late) = late else { return output.places.clone() };
        let above: Vec<&str> = output.fingerprints.iter().map(String::as_str).collect();
        let digest = fingerprint(&format!("{late:?}"), &above);
        let step = |place: &Place| self.add_step(*place, &item.name.value, OpDraft::OnTime(late), &digest);
        output.places.iter().map(step).collect()
    }
}
