//! Which pipeline a state folder belongs to, and how often it was started: the file `identity.json`.

use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::sealed::{seal, unseal};

use super::RunError;
use super::generation;

/// The version of everything below the folder.
const FORMAT: u32 = 7;
/// The file.
const FILE: &str = "identity.json";
/// What may be in a folder whose making was cut off.
const BEFORE: &[&str] = &["lock", "lock.new", "lock.takeover"];
/// What the name of an identity that is being made begins with.
const DRAFT: &str = "identity.";

/// What a folder is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The version of the files.
    format: u32,
    /// The pipeline that it belongs to.
    pub(super) pipeline: String,
    /// Made at random when the folder was.
    pub(super) state_id: String,
    /// Which start is the newest; the folder's claims say it.
    #[serde(skip)]
    pub(super) generation: u64,
}

/// The version alone, which older ones wrote too.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

impl Identity {
    /// The identity of a folder that is made for a pipeline.
    pub(super) fn new(pipeline: &str) -> Self {
        Self { format: FORMAT, pipeline: pipeline.to_owned(), state_id: random_id(), generation: 0 }
    }

    /// What a folder says that it is; none if it says nothing, and holds nothing that could be lost.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, RunError> {
        let path = folder.join(FILE);
        let text = match disk::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return refuse_others(folder).map(|()| None),
            Err(error) => return Err(RunError::File { path, error }),
        };
        let unusable = |what: String| RunError::State {
            folder: folder.to_owned(),
            what,
            hint: "use another directory with `--state DIR`, or begin anew with `flowctl run --fresh`".into(),
        };
        let identity: Self = unseal(&text).map_err(|error| {
            // Once it was not sealed.
            match serde_json::from_slice::<Versioned>(&text) {
                Ok(Versioned { format }) => unusable(other_format(format)),
                Err(_) => unusable(format!("{FILE} is damaged: {error}")),
            }
        })?;
        if identity.format != FORMAT {
            return Err(unusable(other_format(identity.format)));
        }
        Ok(Some(Self { generation: generation::greatest(folder)?, ..identity }))
    }

    /// It must be the identity of this pipeline's folder.
    pub(super) fn require(&self, pipeline: &str, folder: &Path) -> Result<(), RunError> {
        if self.pipeline == pipeline {
            return Ok(());
        }
        Err(RunError::State {
            folder: folder.to_owned(),
            what: format!("it belongs to pipeline `{}`", self.pipeline),
            hint: "use another directory with `--state DIR`, or move this one away to begin anew".into(),
        })
    }

    /// Makes it what the folder says of itself, durably and for good, unless it says something already.
    pub(super) fn settle(&self, folder: &Path) -> Result<(), RunError> {
        let text = seal(self).expect("an identity is plain text and numbers");
        let (path, draft) = (folder.join(FILE), folder.join(format!("{DRAFT}{}", self.state_id)));
        match disk::make_whole(&path, &draft, &text) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(RunError::file(&path)(error)),
            _ => Ok(()),
        }
    }
}

/// Whether a folder says what it is, rightly or wrongly.
pub(super) fn is_marked(folder: &Path) -> bool {
    disk::exists(&folder.join(FILE))
}

/// A folder that does not say what it is must not hold anything: it is something else's, or has lost what its state hangs on.
pub(super) fn refuse_others(folder: &Path) -> Result<(), RunError> {
    let names = match disk::names(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(RunError::file(folder)(error)),
    };
    for name in names {
        if name.to_str().is_none_or(|name| !BEFORE.contains(&name) && !name.starts_with(DRAFT)) {
            return Err(RunError::State {
                folder: folder.to_owned(),
                what: format!("it holds `{}`, but no {FILE} that says whose it is", name.to_string_lossy()),
                hint: "use another directory with `--state DIR`; if it is a pipeline's state, put it back from a copy, or move it away"
                    .into(),
            });
        }
    }
    Ok(())
}

fn other_format(format: u32) -> String {
    format!("its format is {format}, this flowctl writes format {FORMAT}")
}

/// 32 hexadecimal digits from the operating system's randomness, which the standard library's hashers are seeded with.
fn random_id() -> String {
    let word = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", word(), word())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn older_formats_and_damage_are_told_apart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let say = |text: &[u8]| {
            fs::write(folder.path().join(FILE), text).expect("writable");
            Identity::read(folder.path()).expect_err("refused").to_string()
        };
        let old = br#"{"format":4,"pipeline":"p","state_id":"0","generation":1}"#;
        assert!(say(old).contains("its format is 4, this flowctl writes format 7"));
        assert!(say(b"{").contains("identity.json is damaged"));
        let newer = seal(&Identity { format: 9, ..Identity::new("p") }).expect("plain JSON");
        assert!(say(&newer).contains("its format is 9"));
    }

    #[test]
    fn what_holds_something_else_is_not_taken() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in BEFORE.iter().chain(&["identity.0123"]) {
            fs::write(folder.path().join(name), "").expect("writable");
        }
        assert!(Identity::read(folder.path()).expect("as good as empty").is_none());
        fs::create_dir(folder.path().join("journal")).expect("made");
        let refused = Identity::read(folder.path()).expect_err("refused").to_string();
        assert!(refused.contains("it holds `journal`, but no identity.json"), "{refused}");
    }
}
