//! A pipeline's file and all that it includes, read, merged and held together by the positions of every word.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::diagnostic::{Code, Diagnostics, FileId, Files, Span};

use super::likeness::{is_empty, is_like_pipeline};
use super::merge::Merge;
use super::pipeline::INCLUDED_KEYS;
use super::value::unique_keys;
use super::yaml::parse;
use super::{Content, Node, PIPELINE_KEYS, PipelineSpec, Variables};

/// The largest file that is read, in bytes.
const SIZE_MAX: usize = 1 << 20;
/// How many files one pipeline may have.
const FILES_MAX: usize = 256;

/// What loading yields, whether or not it went well.
#[derive(Debug)]
pub struct Loaded {
    /// The text of all files, for messages.
    pub files: Files,
    /// The pipeline; none if a file cannot be read at all. It may be there with errors beside it: a check can then still find the rest.
    pub spec: Option<PipelineSpec>,
    /// Everything that is wrong so far.
    pub diagnostics: Diagnostics,
}

/// Loads the pipeline at `path`. Files are opened by `read` only; `variables` replace `${…}` in the head of the pipeline.
pub fn load(path: &Path, read: &dyn Fn(&Path) -> io::Result<Vec<u8>>, variables: &Variables) -> Loaded {
    let mut loader = Loader {
        read,
        files: Files::default(),
        diagnostics: Diagnostics::default(),
        merge: Merge::new(variables),
        seen: Vec::new(),
        chain: Vec::new(),
        sound: true,
    };
    let root = loader.visit(path, None);
    let spec = root.filter(|_| loader.sound).map(|root| loader.merge.finish(root, path, &mut loader.diagnostics));
    Loaded { files: loader.files, spec, diagnostics: loader.diagnostics }
}

struct Loader<'a> {
    read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    files: Files,
    diagnostics: Diagnostics,
    merge: Merge<'a>,
    /// Every file so far, without detours.
    seen: Vec<PathBuf>,
    /// The files that are being read: each included by the one before.
    chain: Vec<PathBuf>,
    /// Whether every file is YAML.
    sound: bool,
}

impl Loader<'_> {
    /// Reads a file, those that it includes first. `site` is the word that includes it. Where the file's map stands, if it has one.
    fn visit(&mut self, path: &Path, site: Option<Span>) -> Option<Span> {
        let direct = without_detours(path);
        if let (Some(at), Some(site)) = (self.chain.iter().position(|open| *open == direct), site) {
            self.report_loop(at, site);
            return None;
        }
        if self.seen.contains(&direct) {
            return None;
        }
        self.seen.push(direct.clone());
        let node = self.document(path, site);
        self.sound &= node.is_some();
        let node = node?;
        self.chain.push(direct);
        self.take(&node, path, site.is_some());
        self.chain.pop();
        Some(node.span)
    }

    fn report_loop(&mut self, at: usize, site: Span) {
        let circle: Vec<String> =
            self.chain[at..].iter().chain(&self.chain[at..=at]).map(|file| format!("`{}`", file.display())).collect();
        let message = match circle.len() {
            2 => format!("{} includes itself", circle[0]),
            _ => format!("files include each other: {}", circle.join(" → ")),
        };
        self.diagnostics
            .error(Code::IncludeLoop, site, message)
            .hint("move what both need to a third file, and include that in both");
    }

    /// The map in a file.
    fn document(&mut self, path: &Path, site: Option<Span>) -> Option<Node> {
        let bytes = match (self.read)(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.report_unreadable(path, site, &error);
                return None;
            }
        };
        let file = self.text(path, site, bytes)?;
        let node = parse(self.files.text(file), file, &mut self.diagnostics)?;
        note_scalars(&node, &mut self.files);
        if matches!(node.content, Content::Map(_)) {
            return Some(node);
        }
        let message = format!("expected `name`, `sources`, `operators`, `sinks`, found {}", node.kind());
        self.diagnostics.error(Code::WrongKind, node.span, message).hint("write `key: value` lines");
        None
    }

    fn report_unreadable(&mut self, path: &Path, site: Option<Span>, error: &io::Error) {
        let (why, hint) = match error.kind() {
            io::ErrorKind::NotFound if site.is_some() => {
                ("there is no such file".to_owned(), "the path starts at the folder of the file that includes it")
            }
            io::ErrorKind::NotFound => ("there is no such file".to_owned(), "the path starts at the working directory"),
            io::ErrorKind::IsADirectory => ("it is a folder".to_owned(), "name a file in it"),
            io::ErrorKind::PermissionDenied => (
                "permission is denied".to_owned(),
                "let the user who runs this read it: `chmod u+r`, or run as its owner",
            ),
            _ => (error.to_string(), "name a YAML file, or a pipe from which one is read"),
        };
        self.refuse(path, site, Code::MissingFile, &format!("cannot read `{}`: {why}", path.display()), hint);
    }

    /// Reports a file without showing any of it: at the word that includes it, if one does.
    fn refuse(&mut self, path: &Path, site: Option<Span>, code: Code, message: &str, hint: &str) {
        let span = site.unwrap_or_else(|| start_of(self.files.add(path, "")));
        self.diagnostics.error(code, span, message).hint(hint);
    }

    fn refuse_unlike(&mut self, path: &Path, site: Option<Span>) {
        let keys = if site.is_some() { INCLUDED_KEYS } else { PIPELINE_KEYS };
        let keys: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
        let message = format!("`{}` is no pipeline: none of its lines begins with a key of one", path.display());
        let hint = format!("keys of a pipeline: {}", keys.join(", "));
        self.refuse(path, site, Code::WrongKind, &message, &hint);
    }

    /// Keeps a file's text, if it is that of a pipeline, of a sane size.
    fn text(&mut self, path: &Path, site: Option<Span>, bytes: Vec<u8>) -> Option<FileId> {
        let name = path.display();
        if bytes.len() > SIZE_MAX {
            let message = format!("`{name}` is larger than 1 MiB");
            self.refuse(path, site, Code::TooLarge, &message, "is this a pipeline? data belongs elsewhere");
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        if is_empty(&text) {
            let hint = match site {
                Some(_) => "write `sources`, `operators` or `sinks` into it, or do not include it",
                None => "a pipeline needs `name`, `sources` and `sinks`",
            };
            self.refuse(path, site, Code::Empty, &format!("`{name}` is empty"), hint);
            return None;
        }
        let like = is_like_pipeline(&text);
        let error = match String::from_utf8(bytes) {
            Ok(text) if like => return Some(self.files.add(path, with_newlines(text))),
            Ok(_) => {
                self.refuse_unlike(path, site);
                return None;
            }
            Err(error) => error,
        };
        let at = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let message = format!("not UTF-8: byte {:#04x} at offset {at}, line {line}", bytes[at]);
        let hint = "save the file with the encoding UTF-8";
        if !like {
            self.refuse(path, site, Code::NotUtf8, &format!("`{}` is {message}", path.display()), hint);
            return None;
        }
        let file = self.files.add(path, String::from_utf8_lossy(&bytes));
        let span = Span { file, start: at, end: at + char::REPLACEMENT_CHARACTER.len_utf8() };
        self.diagnostics.error(Code::NotUtf8, span, message).hint(hint);
        None
    }

    /// Takes the entries of a file in: those of its includes first.
    fn take(&mut self, node: &Node, path: &Path, included: bool) {
        let Content::Map(pairs) = &node.content else { return };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let keys = if included { INCLUDED_KEYS } else { PIPELINE_KEYS };
        let mut own = Vec::new();
        for (name, value) in unique_keys(pairs, &mut self.diagnostics) {
            if included && is_head(&name.value) {
                self.diagnostics
                    .error(Code::Conflict, name.span, format!("`{}` has no place in an included file", name.value))
                    .hint("move it to the file that includes this one");
            } else if let Some(entry) = self.merge.read(name, value, keys, &mut self.diagnostics) {
                for (include, span) in self.merge.includes(&entry, &mut self.diagnostics) {
                    self.include(&folder.join(include), span);
                }
                own.push(entry);
            }
        }
        for entry in own {
            self.merge.take(&entry, &folder, &mut self.diagnostics);
        }
    }

    fn include(&mut self, path: &Path, site: Span) {
        if self.seen.len() == FILES_MAX {
            self.sound = false;
            self.diagnostics
                .error(Code::TooComplex, site, format!("the pipeline has more than {FILES_MAX} files"))
                .hint("put more into one file");
            return;
        }
        self.visit(path, Some(site));
    }
}

/// Tells the files what each scalar means.
fn note_scalars(node: &Node, files: &mut Files) {
    match &node.content {
        Content::Null => {}
        Content::Scalar(text) => files.note_scalar(node.span, text),
        Content::List(nodes) => nodes.iter().for_each(|inner| note_scalars(inner, files)),
        Content::Map(pairs) => pairs.iter().for_each(|(_, inner)| note_scalars(inner, files)),
    }
}

/// Whether a key belongs to the head of a pipeline, and so to its own file only.
fn is_head(name: &str) -> bool {
    let known = |keys: &[super::Key]| keys.iter().any(|key| key.name == name);
    known(PIPELINE_KEYS) && !known(INCLUDED_KEYS)
}

fn start_of(file: FileId) -> Span {
    Span { file, start: 0, end: 0 }
}

/// Text whose every line ends with a newline: YAML also takes a lone carriage return for the end of a line. Places stay as they are.
fn with_newlines(text: String) -> String {
    if !text.contains('\r') {
        return text;
    }
    let mut bytes = text.into_bytes();
    for at in 0..bytes.len() {
        if bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n') {
            bytes[at] = b'\n';
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A path without `.` and `x/..`, by which a file is known again.
fn without_detours(path: &Path) -> PathBuf {
    let mut direct = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(direct.components().next_back(), Some(Component::Normal(_))) => {
                direct.pop();
            }
            other => direct.push(other),
        }
    }
    direct
}
