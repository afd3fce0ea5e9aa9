//! `twitch:` in a source entry: checked into a source.

use std::time::Duration;

use engine::connector::{CheckContext, Source, SourceKind};
use engine::diagnostic::Code;
use engine::spec::{Entry, Key};

use super::keys::{KEYS, PAGES_MAX};
use super::servers;
use super::source::TwitchSource;

/// The most languages of one call.
const LANGUAGES_MAX: usize = 100;

/// The kind of source that polls Twitch.
#[derive(Clone, Copy, Debug)]
pub struct TwitchSourceKind;

impl SourceKind for TwitchSourceKind {
    fn name(&self) -> &'static str {
        "twitch"
    }

    fn about(&self) -> &'static str {
        "polls the live streams of Twitch, or of a simulator of it"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn check(&self, entry: &Entry, context: &mut CheckContext<'_>) -> Option<Box<dyn Source>> {
        let every = entry.duration("every");
        let mut sound = true;
        if every < Duration::from_secs(1) {
            context
                .diagnostics
                .error(Code::BadValue, entry.span_of("every"), "`every` must be at least a second")
                .hint("counts change about every five minutes; `20s` to `5m` are good values");
            sound = false;
        }
        if entry.texts("language").len() > LANGUAGES_MAX {
            let message = format!("`language` takes at most {LANGUAGES_MAX} languages");
            context.diagnostics.error(Code::BadValue, entry.span_of("language"), message);
            sound = false;
        }
        sound &= servers::check(entry, context);
        let source = TwitchSource {
            api: entry.text("api"),
            auth: entry.text_if("auth"),
            client_id: entry.text_if("client_id"),
            client_secret: entry.secret_if("client_secret"),
            every,
            first: entry.int("first"),
            pages_max: entry.int_if("max_pages").unwrap_or(PAGES_MAX) as u32,
            languages: entry.texts("language"),
            games: entry.texts("game_id"),
            logins: entry.texts("user_login"),
            seed: entry.int("seed") as u64,
        };
        sound.then(|| Box::new(source) as Box<dyn Source>)
    }
}
