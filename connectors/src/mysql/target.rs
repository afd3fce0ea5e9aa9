//! Where a sink's database is: the forms of `url`, none of which is ever shown as written.

use std::fmt;
use std::path::{Path, PathBuf};

use mysql::{Opts, OptsBuilder};

use super::connection::{Connection, Fault};
use super::embedded::EmbeddedConnection;
use super::server::{Patience, ServerConnection};

/// The file of the embedded database within the state directory.
const EMBEDDED_FILE: &str = "flowctl.db";

/// A database.
#[derive(Clone)]
pub(super) enum Target {
    /// SQLite in the state directory.
    Embedded,
    /// SQLite in a file.
    File(PathBuf),
    /// MySQL or MariaDB.
    Server(Box<Opts>),
}

impl Target {
    /// Reads a `url`; relative paths start at `folder`.
    ///
    /// # Errors
    /// What is wrong with it, without a word of the URL, since it may hold a password.
    pub(super) fn parse(url: &str, folder: &Path) -> Result<Self, &'static str> {
        if url == "embedded" {
            return Ok(Self::Embedded);
        }
        if let Some(path) = url.strip_prefix("sqlite:") {
            return match path {
                "" => Err("`sqlite:` lacks the path of its file"),
                path if path.contains('\0') => Err("the path after `sqlite:` has a NUL character"),
                path => Ok(Self::File(folder.join(path))),
            };
        }
        let Some(rest) = url.strip_prefix("mysql://") else {
            return Err("it begins with none of `mysql://` and `sqlite:`, and is not `embedded`");
        };
        // A password with `/`, `?` or `#` would end the host early, and parts of it would pass for a host or a database.
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if rest[authority_end..].contains('@') {
            return Err("it has an `@` behind the host: write `/ ? # @` in user and password as `%2F %3F %23 %40`");
        }
        let opts = Opts::from_url(url).map_err(|_| "it is not of the form mysql://user:password@host:3306/database")?;
        match opts.get_db_name() {
            None | Some("") => Err("it names no database: mysql://user:password@host:3306/database"),
            Some(_) => Ok(Self::Server(Box::new(opts))),
        }
    }

    /// The same, with the embedded database's place filled in.
    pub(super) fn settle(self, state_root: &Path) -> Self {
        match self {
            Self::Embedded => Self::File(state_root.join(EMBEDDED_FILE)),
            settled => settled,
        }
    }

    /// A new connection with its session set up.
    pub(super) fn connect(&self, patience: Patience) -> Result<Box<dyn Connection>, Fault> {
        match self {
            Self::Embedded => Ok(Box::new(EmbeddedConnection::open(Path::new(EMBEDDED_FILE))?)),
            Self::File(path) => Ok(Box::new(EmbeddedConnection::open(path)?)),
            Self::Server(opts) => {
                let socket = opts.get_socket().is_some();
                // Without this, a loopback connection moves to whatever socket the server names.
                let builder = OptsBuilder::from_opts(Opts::clone(opts)).prefer_socket(socket);
                Ok(Box::new(ServerConnection::open(builder, patience)?))
            }
        }
    }
}

/// Host, port and database, or the file; never user or password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => write!(f, "the embedded SQLite database ({EMBEDDED_FILE} in the state directory)"),
            Self::File(path) => write!(f, "SQLite file {}", path.display()),
            Self::Server(opts) => {
                let (host, port) = (opts.get_ip_or_hostname(), opts.get_tcp_port());
                write!(f, "MySQL at {host}:{port}/{}", opts.get_db_name().unwrap_or_default())
            }
        }
    }
}

/// As shown: the password stays out.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<String, &'static str> {
        Target::parse(url, Path::new("/pipelines")).map(|target| target.to_string())
    }

    #[test]
    fn shows_where_and_not_who() {
        assert_eq!(parse("mysql://me:hunter2@db.example:3307/live").unwrap(), "MySQL at db.example:3307/live");
        assert_eq!(parse("mysql://me@db/live").unwrap(), "MySQL at db:3306/live");
        assert_eq!(parse("sqlite:out/a.db").unwrap(), "SQLite file /pipelines/out/a.db");
        assert_eq!(parse("sqlite:/tmp/a.db").unwrap(), "SQLite file /tmp/a.db");
        assert!(parse("embedded").unwrap().contains("embedded"));
    }

    #[test]
    fn wrong_urls_are_never_repeated() {
        for url in [
            "mysql://me:hunter2",
            "mysql://me:hun/ter2@db/live",
            "mysql://me:12?ter2@db/live",
            "mysql://me:hunter2@db",
            "mysql://me:hunter2@db/live?nonsense=hunter2",
            "postgres://me:hunter2@db/live",
            "sqlite:",
            "",
        ] {
            let error = parse(url).expect_err(url);
            assert!(!error.contains("hunter2") && !error.contains("ter2"), "{error}");
        }
    }
}
