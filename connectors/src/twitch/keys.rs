//! The keys below `twitch:`.

use engine::spec::{Key, Kind};

/// The most pages that one crawl may read.
pub(super) const PAGES_MAX: i64 = 5000;

/// All of them.
pub(super) const KEYS: &[Key] = &[
    Key::default(
        "api",
        Kind::Text,
        "embedded",
        "`embedded` for the simulator, `twitch` for the real API, or the base of a server that speaks Helix, as https://api.twitch.tv/helix",
    ),
    Key::optional(
        "auth",
        Kind::Text,
        "the base of the OAuth server that gives tokens; by default https://id.twitch.tv/oauth2 for the real API, and `/oauth2` on the same server for any other `api`",
    ),
    Key::optional("client_id", Kind::Text, "the application's client id; not needed by `embedded`"),
    Key::optional("client_secret", Kind::Secret, "the application's client secret; not needed by `embedded`"),
    Key::default("every", Kind::Duration, "20s", "the time from one poll to the next, at least a second"),
    Key::default("first", Kind::Int(1, 100), "100", "streams a page"),
    Key::optional("max_pages", Kind::Int(1, PAGES_MAX), "pages of a poll; all if it is missing"),
    Key::optional("language", Kind::List(&Kind::Text), "only streams in these languages, as `de`"),
    Key::optional("game_id", Kind::List(&Kind::Text), "only streams of these games; each is crawled by itself"),
    Key::optional("user_login", Kind::List(&Kind::Text), "only streams of these users"),
    Key::default("seed", Kind::Int(0, i64::MAX), "1", "which world `embedded` simulates"),
];
