//! `config check` and `config show`.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value as Json, json};

use super::{CliError, Ended, answer};
use crate::config::{Config, ConfigError, Setting};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Says what is wrong, a line a problem, and exits with 2; else exits with 0.
    Check {
        /// Answers in JSON: {"ok": …, "problems": […], "notes": […]}.
        #[arg(long)]
        json: bool,
    },
    /// Shows every setting in force and the layer it came from. Secrets are masked.
    Show {
        /// Answers in JSON: {"poll.first": {"value": "30s", "from": "default"}, …}.
        #[arg(long)]
        json: bool,
    },
}

impl ConfigCommand {
    pub(super) fn run(&self, read: Result<Config, ConfigError>, file: Option<&Path>) -> Result<Ended, CliError> {
        match self {
            Self::Check { json: false } => check(&read?, file),
            Self::Check { json: true } => check_json(read),
            Self::Show { json: false } => show(&read?),
            Self::Show { json: true } => show_json(&read?),
        }
    }
}

fn check(config: &Config, file: Option<&Path>) -> Result<Ended, CliError> {
    let layers = file.map_or_else(|| "defaults".to_owned(), |file| format!("defaults, {}", file.display()));
    answer(&format!("the configuration is right ({layers} and environment)"))?;
    notes(config).iter().try_for_each(|note| answer(&format!("note: {note}")))?;
    Ok(Ended::Well)
}

fn check_json(read: Result<Config, ConfigError>) -> Result<Ended, CliError> {
    let notes = read.as_ref().map(notes).unwrap_or_default();
    let lines = |error: &ConfigError| error.problems().iter().map(ToString::to_string).collect();
    let problems: Vec<String> = read.as_ref().err().map(lines).unwrap_or_default();
    answer(&json!({ "ok": read.is_ok(), "problems": problems, "notes": notes }).to_string())?;
    read.map(|_| Ended::Well).map_err(CliError::from)
}

/// What is not wrong, yet may surprise.
fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.credentials.is_empty() {
        notes.push("no credentials are set, so no business can be served: see [credentials.NAME]".to_owned());
    }
    if config.graph.base_url.starts_with("http://") {
        notes.push(format!("graph.base_url {} is not encrypted: for a simulator only", config.graph.base_url));
    }
    notes
}

fn show(config: &Config) -> Result<Ended, CliError> {
    let lines: Vec<_> = config.settings().iter().map(|setting| (line(setting), setting.place.to_string())).collect();
    // Long lines stand out instead of pushing every layer out of sight.
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0);
    let text: Vec<_> = lines.iter().map(|(line, place)| format!("{line:width$}  # {place}")).collect();
    answer(&text.join("\n"))?;
    Ok(Ended::Well)
}

fn line(setting: &Setting) -> String {
    let Setting { key, value, .. } = setting;
    if value.is_null() { format!("# {key} =") } else { format!("{key} = {value}") }
}

fn show_json(config: &Config) -> Result<Ended, CliError> {
    let one = |setting: &Setting| {
        let place = setting.place.to_string();
        (setting.key.clone(), json!({ "value": setting.value, "from": place }))
    };
    let all: Json = config.settings().iter().map(one).collect();
    answer(&format!("{all:#}"))?;
    Ok(Ended::Well)
}
