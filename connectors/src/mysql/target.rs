//! Where a sink's database is: the forms of `url`, none of which is ever shown as written.

use std::fmt;
use std::path::{Path, PathBuf};

use engine::connector::ConnectContext;
use engine::digest::Digest;
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
    /// SQLite in the pipeline's own folder, in a file of this name; once it is settled, of this path.
    State(PathBuf),
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
        if let Some(name) = url.strip_prefix("state:") {
            let is_name = Path::new(name).file_name().is_some_and(|file| file == name) && !name.contains('\0');
            return if is_name { Ok(Self::State(name.into())) } else { Err("`state:` needs the bare name of a file") };
        }
        let Some(rest) = url.strip_prefix("mysql://") else {
            return Err("it begins with none of `mysql://`, `sqlite:` and `state:`, and is not `embedded`");
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

    /// The same, with the place of a database in the state directory filled in.
    pub(super) fn settle(self, context: &ConnectContext) -> Self {
        match self {
            Self::Embedded => Self::File(context.state_root.join(EMBEDDED_FILE)),
            Self::State(name) => Self::State(context.state_folder.join(name)),
            settled => settled,
        }
    }

    /// Whether it is the pipeline's own, where nobody else writes and nothing is kept that cannot be made anew.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::State(_))
    }

    /// The database within the server; none for a file.
    pub(super) fn database(&self) -> Option<&str> {
        match self {
            Self::Embedded | Self::State(_) | Self::File(_) => None,
            Self::Server(opts) => opts.get_db_name(),
        }
    }

    /// What is equal for targets that one connection serves: a file, or a server, an account and how they are connected (`options`, what
    /// follows a `?` in the URL). Who and where is hashed, since the password is part of it.
    pub(super) fn domain(&self, options: &str) -> String {
        match self {
            Self::Embedded => "mysql: embedded".to_owned(),
            Self::State(path) => format!("mysql: state: {}", file_name(path)),
            Self::File(path) => format!("mysql: {}", real_path(path).display()),
            Self::Server(opts) => {
                let port = opts.get_tcp_port().to_string();
                let texts = [opts.get_socket(), opts.get_user(), opts.get_pass(), Some(options)];
                let mut digest = Digest::default();
                let host = opts.get_ip_or_hostname();
                for (part, text) in [Some(&*host), Some(&port)].into_iter().chain(texts).enumerate() {
                    if let Some(text) = text {
                        digest.add_numbered(part as u64, text.as_bytes());
                    }
                }
                format!("mysql: {digest}")
            }
        }
    }

    /// Where this and others of its domain are, for messages.
    pub(super) fn shared_place<'a>(&self, mut others: impl Iterator<Item = &'a Self>) -> String {
        match self {
            Self::Server(opts) if others.any(|other| other.database() != self.database()) => {
                format!("MySQL at {}:{}", opts.get_ip_or_hostname(), opts.get_tcp_port())
            }
            _ => self.to_string(),
        }
    }

    /// A new connection that only reads; `None` if the database is a file that does not exist.
    pub(super) fn connect_to_read(&self) -> Result<Option<Box<dyn Connection>>, Fault> {
        let path = match self {
            Self::Server(_) => return self.connect(Patience::Statement).map(Some),
            Self::Embedded => Path::new(EMBEDDED_FILE),
            Self::State(path) | Self::File(path) => path,
        };
        Ok(EmbeddedConnection::open_to_read(path)?.map(|connection| Box::new(connection) as Box<dyn Connection>))
    }

    /// A new connection with its session set up.
    pub(super) fn connect(&self, patience: Patience) -> Result<Box<dyn Connection>, Fault> {
        match self {
            Self::Embedded => Ok(Box::new(EmbeddedConnection::open(Path::new(EMBEDDED_FILE))?)),
            Self::State(path) | Self::File(path) => Ok(Box::new(EmbeddedConnection::open(path)?)),
            Self::Server(opts) => {
                let socket = opts.get_socket().is_some();
                // Without this, a loopback connection moves to whatever socket the server names.
                let builder = OptsBuilder::from_opts(Opts::clone(opts)).prefer_socket(socket);
                Ok(Box::new(ServerConnection::open(builder, patience)?))
            }
        }
    }
}

/// The path without links and detours, as far as it exists.
fn real_path(path: &Path) -> PathBuf {
    path.ancestors()
        .find_map(|folder| {
            let real = folder.canonicalize().ok()?;
            path.strip_prefix(folder)
                .ok()
                .map(|rest| if rest.as_os_str().is_empty() { real.clone() } else { real.join(rest) })
        })
        .unwrap_or_else(|| path.to_owned())
}

fn file_name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// Host, port and database, or the file; never user or password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => write!(f, "the embedded SQLite database ({EMBEDDED_FILE} in the state directory)"),
            Self::State(path) => write!(f, "SQLite file {} in the pipeline's state folder", file_name(path)),
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
        assert_eq!(parse("state:a.db").unwrap(), "SQLite file a.db in the pipeline's state folder");
    }

    fn domain(url: &str) -> String {
        let options = url.split_once('?').map_or("", |(_, options)| options);
        Target::parse(url, Path::new("/pipelines")).unwrap().domain(options)
    }

    #[test]
    fn databases_of_one_server_and_account_are_one_domain() {
        let one = domain("mysql://me:hunter2@db:3306/live");
        assert_eq!(one, domain("mysql://me:hunter2@db/other"));
        assert!(!one.contains("hunter2") && !one.contains("me:"), "{one}");
        for other in [
            "mysql://me:hunter3@db/live",
            "mysql://you:hunter2@db/live",
            "mysql://me@db/live",
            "mysql://me:hunter2@db2/live",
            "mysql://me:hunter2@db:3307/live",
            "mysql://me:hunter2@db/live?socket=%2Frun%2Fdb",
            "mysql://me:hunter2@db/live?compress=true",
            "embedded",
        ] {
            assert_ne!(one, domain(other), "{other}");
        }
    }

    #[test]
    fn a_file_is_one_domain_by_whatever_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = |rest: &str| domain(&format!("sqlite:{}/{rest}", folder.path().display()));
        assert_eq!(path("a.db"), path("./a.db"));
        assert_eq!(path("new/a.db"), path("new/a.db"));
        assert_ne!(path("a.db"), path("b.db"));
        let before = path("a.db");
        std::fs::write(folder.path().join("a.db"), "").unwrap();
        assert_eq!(before, path("a.db"), "it is the same once it exists");
        std::os::unix::fs::symlink(folder.path().join("a.db"), folder.path().join("link.db")).unwrap();
        assert_eq!(path("a.db"), path("link.db"));
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
            "state:",
            "state:..",
            "state:a/b.db",
            "",
        ] {
            let error = parse(url).expect_err(url);
            assert!(!error.contains("hunter2") && !error.contains("ter2"), "{error}");
        }
    }
}
