//! `bindery evidence verify FILE`: recomputes a report, with neither journal nor worker nor network.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value as Json, json};

use crate::cli::{CliError, Ended, answer};
use crate::contract::{Digest, Event};
use crate::operator::{Anchor, Finding, Report, Sound, Unsound};

/// The largest file that is read: a report of a thousand children has some tens of megabytes.
const FILE_MAX: u64 = 1 << 30;

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    /// A report, as `bindery evidence ID --json` wrote it.
    file: PathBuf,
    /// An event of the command as it came from RabbitMQ, the terminal one best: its `evidence_head` must be the report's.
    #[arg(long, value_name = "FILE", conflicts_with = "head")]
    event: Option<PathBuf>,
    /// The `evidence_head` that the terminal event told.
    #[arg(long, value_name = "sha256:…")]
    head: Option<Digest>,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

/// Says what it found; exit 1 where something was altered.
pub(crate) fn run(args: &VerifyArgs) -> Result<Ended, CliError> {
    let report: Report = parsed(&args.file, "no report of this version's format")?;
    let anchor = match (&args.event, &args.head) {
        (Some(file), _) => Some(carried(file)?),
        (None, Some(head)) => Some(Anchor::head(head.clone())),
        (None, None) => None,
    };
    let finding = report.verify(anchor.as_ref());
    answer(&if args.json { format!("{:#}", in_json(&finding)) } else { in_words(&finding) })?;
    Ok(match finding {
        Finding::Sound(_) => Ended::Well,
        Finding::Unsound(_) => Ended::OtherThanWell,
    })
}

fn carried(file: &Path) -> Result<Anchor, CliError> {
    let event: Event = parsed(file, "no event of bindery")?;
    let none = || CliError::Usage(format!("{} carries no evidence_head: use the terminal event", file.display()));
    Anchor::of_event(&event).ok_or_else(none)
}

fn parsed<T: serde::de::DeserializeOwned>(file: &Path, otherwise: &str) -> Result<T, CliError> {
    let shown = file.display();
    let unread = |error: std::io::Error| CliError::Usage(format!("could not read {shown}: {error}"));
    if std::fs::metadata(file).map_err(unread)?.len() > FILE_MAX {
        return Err(CliError::Usage(format!("{shown} is larger than any report")));
    }
    let bytes = std::fs::read(file).map_err(unread)?;
    serde_json::from_slice(&bytes).map_err(|error| CliError::Usage(format!("{shown} is {otherwise}: {error}")))
}

fn in_words(finding: &Finding) -> String {
    match finding {
        Finding::Sound(sound) => {
            let Sound { chains, entries, walks, head, anchored, missing } = sound;
            let head = head.as_str();
            let mut lines =
                vec![format!("sound: {entries} entries in {chains} chains, {walks} shared walks, last hash {head}")];
            lines.push(if *anchored {
                "the last hash is the one that was told then: nothing was rewritten since".to_owned()
            } else {
                "held against no event: give --event or --head, or a report that was rewritten as a whole passes"
                    .to_owned()
            });
            lines.extend(missing.iter().map(|what| format!("not proved: {what}")));
            lines.join("\n")
        }
        Finding::Unsound(Unsound { command, entry, reason }) => match (command, entry) {
            (Some(command), Some(n)) => format!("altered: entry {n} of {command}: {reason}"),
            (Some(command), None) => format!("altered: {command}: {reason}"),
            (None, _) => format!("altered: {reason}"),
        },
    }
}

fn in_json(finding: &Finding) -> Json {
    match finding {
        Finding::Sound(Sound { chains, entries, walks, head, anchored, missing }) => json!({
            "sound": true, "chains": chains, "entries": entries, "walks": walks, "head": head, "anchored": anchored,
            "missing": missing,
        }),
        Finding::Unsound(Unsound { command, entry, reason }) => json!({
            "sound": false, "command": command.as_ref().map(|id| id.as_str()), "entry": entry, "reason": reason,
        }),
    }
}
