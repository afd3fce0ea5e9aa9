//! One bad file a problem code: the picture that a user sees is the snapshot beside the file.

#[path = "../src/report.rs"]
mod report;

use std::path::{Path, PathBuf};

use engine::diagnostic::{Code, Diagnostics, Files};
use engine::spec::{Variables, load};

/// Codes that have no file here: a file over 1 MiB is made in the engine's own tests, the rest is found after loading.
const WITHOUT_FILE: &[Code] = &[
    Code::TooLarge,
    Code::UnknownName,
    Code::Cycle,
    Code::Unused,
    Code::ExpressionSyntax,
    Code::UnknownColumn,
    Code::UnknownFunction,
    Code::TypeMismatch,
    Code::NotAnExpression,
    Code::BadAggregate,
    Code::DuplicateColumn,
    Code::ConstantFails,
    Code::SchemaMismatch,
    Code::SinkCannotTake,
    Code::NeedsEventTime,
    Code::CannotChange,
];

/// Everything that is found in a file without running it.
fn examine(path: &Path) -> (Diagnostics, Files) {
    let loaded = load(path, &|path| std::fs::read(path), &Variables::default());
    (loaded.diagnostics, loaded.files)
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
            let (diagnostics, files) = examine(&path);
            insta::assert_snapshot!(stem(&path), report::report(&diagnostics, &files, false));
        }
    });
}

#[test]
fn every_bad_file_shows_the_code_of_its_name() {
    for path in bad_files() {
        let (diagnostics, files) = examine(&path);
        let code = stem(&path)[..4].to_uppercase();
        let picture = report::report(&diagnostics, &files, false);
        assert!(picture.contains(&format!("[{code}]")), "{} shows no {code}:\n{picture}", path.display());
    }
}

#[test]
fn every_code_has_a_bad_file() {
    let names: Vec<String> = bad_files().iter().map(|path| stem(path)).collect();
    for code in Code::ALL {
        let shown = names.iter().any(|name| name.starts_with(&format!("{}_", code.as_str().to_lowercase())));
        assert_ne!(shown, WITHOUT_FILE.contains(code), "{code}: {}", code.meaning());
    }
}
