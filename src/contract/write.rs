//! A command as JSON: what [`super::parse_own`] reads back as the same.

use std::fmt::Display;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::body::{Body, Command, Targets};

impl Command {
    /// The command as JSON, with its defaults filled in.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut fields = Written(Map::new());
        fields
            .text("id", &self.id)
            .text("command", self.body.name())
            .some("business", self.business.as_ref())
            .some("actor", self.actor.as_ref())
            .some("reason", self.reason.as_ref())
            .json("priority", self.priority)
            .some("not_before", self.not_before)
            .some("expires_at", self.expires_at)
            .json("dry_run", self.dry_run)
            .some("notice", self.notice.map(humantime::format_duration));
        self.body.write_to(&mut fields);
        Value::Object(fields.0)
    }
}

impl Body {
    fn write_to(&self, fields: &mut Written) {
        match self.targets() {
            Some(Targets::One(asset)) => fields.json("asset", asset),
            Some(Targets::List(assets)) => fields.json("assets", assets),
            Some(Targets::All) => fields.text("assets", "all"),
            None => fields,
        };
        match self {
            Self::Claim { targets: _, access, permitted_tasks: tasks, irreversible, again } => fields
                .json("access", access)
                .maybe("permitted_tasks", Some(tasks).filter(|tasks| !tasks.is_empty()))
                .json("irreversible", irreversible)
                .json("again", again),
            Self::Unbind { targets: _, remove_people, unmanaged } => {
                fields.json("remove_people", remove_people).json("unmanaged", unmanaged)
            }
            Self::Reassign { targets: _, from, to, tasks, leaves } => fields
                .text("from", from)
                .text("to", to)
                .maybe("tasks", tasks.as_ref())
                .maybe("leaves", leaves.then_some(true)),
            Self::Assign { targets: _, user, tasks, adding } => {
                fields.text("user", user).json("tasks", tasks).maybe("adding", adding.then_some(true))
            }
            Self::Unassign { targets: _, user, tasks, leaves } => {
                fields.text("user", user).maybe("tasks", tasks.as_ref()).maybe("leaves", leaves.then_some(true))
            }
            Self::Invite { email, role, assets, tasks } => fields
                .text("email", email)
                .text("role", role.word())
                .maybe("assets", Some(assets).filter(|assets| !assets.is_empty()))
                .maybe("tasks", Some(tasks).filter(|tasks| !tasks.is_empty())),
            Self::Offboard { user, successor, remove_from_business, protected, plan } => {
                let words: Vec<String> = protected.iter().map(ToString::to_string).collect();
                fields
                    .text("user", user)
                    .some("successor", successor.as_ref())
                    .json("remove_from_business", remove_from_business)
                    .maybe("protected", Some(words).filter(|words| !words.is_empty()))
                    .some("plan", plan.as_ref())
            }
            Self::Transfer { targets: _, to_business, cool_down, unmanaged } => fields
                .text("to_business", to_business)
                .some("cool_down", cool_down.map(humantime::format_duration))
                .json("unmanaged", unmanaged),
            Self::Share { targets: _, partner, permitted_tasks } => {
                fields.text("partner", partner).json("permitted_tasks", permitted_tasks)
            }
            Self::Revoke { targets: _, partner, permitted_tasks: tasks } => {
                fields.text("partner", partner).maybe("permitted_tasks", tasks.as_ref())
            }
            Self::Disconnect { kinds, include_owned } => {
                fields.json("kinds", kinds).json("include_owned", include_owned)
            }
            Self::Inspect { kinds, people } => fields.json("kinds", kinds).json("people", people),
            Self::Undo { target } | Self::Cancel { target } => fields.text("target", target),
        };
    }
}

/// The fields written so far.
struct Written(Map<String, Value>);

impl Written {
    fn json(&mut self, name: &str, value: impl Serialize) -> &mut Self {
        self.0.insert(name.to_owned(), json!(value));
        self
    }

    fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.json(name, value.to_string())
    }

    fn some(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    fn maybe(&mut self, name: &str, value: Option<impl Serialize>) -> &mut Self {
        match value {
            Some(value) => self.json(name, value),
            None => self,
        }
    }
}
