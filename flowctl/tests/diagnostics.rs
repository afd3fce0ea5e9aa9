//! One bad file a problem code: the picture that a user sees is the snapshot beside the file.

#[path = "../src/report.rs"]
mod report;

use std::path::{Path, PathBuf};

use connectors::REGISTRY;
use engine::check::check;
use engine::diagnostic::{Code, Diagnostics, Files};
use engine::spec::{Loaded, Variables, load};

/// Codes whose file is not kept here, but made by [`picture_of_large_file`].
const MADE: &[Code] = &[Code::TooLarge];

/// Everything that is found in a file without running it.
fn examine(path: &Path, read: &dyn Fn(&Path) -> std::io::Result<Vec<u8>>) -> (Diagnostics, Files) {
    let variables = Variables::default();
    let Loaded { files, spec, mut diagnostics } = load(path, read, &variables);
    if let Some(spec) = spec {
        let plan = check(&spec, &files, &REGISTRY, &variables, &mut diagnostics);
        assert_eq!(plan.is_none(), diagnostics.has_errors(), "{}: a plan, or errors", path.display());
    }
    (diagnostics, files)
}

fn picture(path: &Path) -> String {
    let (diagnostics, files) = examine(path, &|path| std::fs::read(path));
    report::report(&diagnostics, &files, false)
}

fn picture_of_large_file() -> String {
    let (diagnostics, files) = examine(Path::new("large.yaml"), &|_| Ok(b"a: 1\n".repeat(300_000)));
    report::report(&diagnostics, &files, false)
}

fn bad_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir("tests/diagnostics")
        .expect("tests run in the package's folder")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[test]
fn every_bad_file_has_its_picture() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("diagnostics");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in bad_files() {
            insta::assert_snapshot!(stem(&path), picture(&path));
        }
        insta::assert_snapshot!("f003_too_large", picture_of_large_file());
    });
}

#[test]
fn every_bad_file_shows_the_code_of_its_name() {
    for path in bad_files() {
        let code = stem(&path)[..4].to_uppercase();
        let picture = picture(&path);
        assert!(picture.contains(&format!("[{code}]")), "{} shows no {code}:\n{picture}", path.display());
    }
}

#[test]
fn every_code_has_a_bad_file() {
    let names: Vec<String> = bad_files().iter().map(|path| stem(path)).collect();
    for code in Code::ALL {
        let shown = names.iter().any(|name| name.starts_with(&format!("{}_", code.as_str().to_lowercase())));
        assert_ne!(shown, MADE.contains(code), "{code}: {}", code.meaning());
    }
}

#[test]
fn every_mistake_comes_with_a_place_and_none_with_an_empty_message() {
    for path in bad_files() {
        let (diagnostics, files) = examine(&path, &|path| std::fs::read(path));
        for found in diagnostics.sorted() {
            let source = files.source(found.span);
            assert!(source.end <= files.text(source.file).len(), "{}: {}", path.display(), found.message);
            assert!(
                !found.message.is_empty() && !found.message.ends_with('.'),
                "{}: {}",
                path.display(),
                found.message
            );
        }
    }
}

/// The shipped pipelines, each with one sign of one of its files taken out: nobody finds more than two errors in one slip.
#[test]
fn one_lost_sign_makes_no_flood_of_errors() {
    let folder = Path::new("../pipelines");
    for (pipeline, file) in
        [("stream.yaml", "twitch.yaml"), ("ingest.yaml", "ingest_shared.yaml"), ("batch.yaml", "batch.yaml")]
    {
        let changed = folder.join(file);
        let text = std::fs::read_to_string(&changed).expect("the shipped pipelines are there");
        for (at, sign) in text.char_indices().filter(|(_, sign)| "{}[]():,\"'".contains(*sign)) {
            let slip = format!("{}{}", &text[..at], &text[at + sign.len_utf8()..]);
            let read = |path: &Path| if path == changed { Ok(slip.clone().into_bytes()) } else { std::fs::read(path) };
            let (diagnostics, files) = examine(&folder.join(pipeline), &read);
            let found = diagnostics.sorted().len();
            assert!(found <= 2, "{file}, `{sign}` at {at}:\n{}", report::report(&diagnostics, &files, false));
        }
    }
}
