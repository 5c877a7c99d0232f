//! `bindery schema`: the contract as files, and whether files that stand somewhere are still what this program says.

mod asyncapi;
mod messages;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::{CliError, Ended, answer};
use crate::broker::TopologyNames;
use crate::contract::schema;
use crate::graph_sim;
use crate::meta;

/// Arguments of `bindery schema`.
#[derive(Debug, Clone, Args)]
pub(super) struct SchemaArgs {
    /// Folder to write to; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "docs/contract")]
    out: PathBuf,
    /// Writes nothing; compares the files in DIR and names each one that differs, with exit code 1
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    check: Option<PathBuf>,
}

/// Writes, or compares.
pub(super) fn run(args: &SchemaArgs) -> Result<Ended, CliError> {
    match &args.check {
        Some(folder) => check(folder),
        None => write(&args.out).map(|()| Ended::Well),
    }
}

/// Each file by name, as it is written: JSON with its keys sorted, so that a difference is a change.
fn files() -> Result<[(&'static str, String); 6], CliError> {
    let asyncapi =
        asyncapi::document(&TopologyNames::default()).map_err(|error| CliError::Failed(error.to_string()))?;
    let files = [
        ("command.schema.json", schema::command()),
        ("event.schema.json", schema::event()),
        ("event-data.schema.json", schema::event_data()),
        ("asyncapi.json", asyncapi),
        ("kinds.json", meta::kinds::as_json()),
        ("graph-sim.openapi.json", schema::tidied(graph_sim::openapi())),
    ];
    Ok(files.map(|(name, document)| (name, text(&document))))
}

fn text(document: &Value) -> String {
    format!("{document:#}\n")
}

fn write(folder: &Path) -> Result<(), CliError> {
    let failed =
        |path: &Path, error: &std::io::Error| CliError::Failed(format!("could not write {}: {error}", path.display()));
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for (name, text) in files()? {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
        answer(&path.display().to_string())?;
    }
    Ok(())
}

fn check(folder: &Path) -> Result<Ended, CliError> {
    let mut ended = Ended::Well;
    for (name, text) in files()? {
        let path = folder.join(name);
        let difference = match std::fs::read_to_string(&path) {
            Ok(found) => difference(&found, &text),
            Err(error) if error.kind() == ErrorKind::NotFound => Some("is missing".to_owned()),
            Err(error) => return Err(CliError::Failed(format!("could not read {}: {error}", path.display()))),
        };
        if let Some(difference) = difference {
            answer(&format!("{} {difference}", path.display()))?;
            ended = Ended::OtherThanWell;
        }
    }
    Ok(ended)
}

/// The first line that differs, where one does.
fn difference(found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    let same = found.lines().zip(wanted.lines()).take_while(|(found, wanted)| found == wanted).count();
    Some(format!("differs from what bindery {} says, from line {} on", env!("CARGO_PKG_VERSION"), same + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_by_its_line() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        for (found, line) in [("a\nc\n", 2), ("", 1), ("a\nb\n\n", 3), ("a\nb", 3)] {
            let told = difference(found, "a\nb\n").unwrap();
            assert!(told.ends_with(&format!("from line {line} on")), "{found:?}: {told}");
        }
    }

    #[test]
    fn what_is_written_is_what_is_checked_and_a_change_or_a_gap_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let args =
            |out: &Path, check: Option<&Path>| SchemaArgs { out: out.to_owned(), check: check.map(Path::to_owned) };
        let deep = folder.path().join("deep/er");
        assert!(run(&args(&deep, None)).is_ok());
        assert_eq!(run(&args(&deep, Some(&deep))).unwrap(), Ended::Well);
        std::fs::write(deep.join("asyncapi.json"), "{}").unwrap();
        assert_eq!(run(&args(&deep, Some(&deep))).unwrap(), Ended::OtherThanWell);
        assert_eq!(run(&args(&deep, Some(folder.path()))).unwrap(), Ended::OtherThanWell, "all are missing");
        let file = deep.join("asyncapi.json");
        assert!(matches!(run(&args(&file, None)), Err(CliError::Failed(_))), "a file is no folder");
    }
}
