//! A command as JSON: what [`super::parse_own`] reads back as the same.

use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::asset::{Asset, Kind};
use super::body::{Body, Command, Targets};
use super::tasks::Tasks;

impl Command {
    /// The command as JSON, with its defaults filled in.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        put(&mut fields, "id", &self.id);
        put(&mut fields, "command", self.body.name());
        put_some(&mut fields, "business", self.business.as_ref());
        put_some(&mut fields, "actor", self.actor.as_ref());
        put_some(&mut fields, "reason", self.reason.as_ref());
        fields.insert("priority".to_owned(), self.priority.into());
        put_some(&mut fields, "not_before", self.not_before);
        put_some(&mut fields, "expires_at", self.expires_at);
        fields.insert("dry_run".to_owned(), self.dry_run.into());
        put_some(&mut fields, "notice", self.notice.map(humantime::format_duration));
        self.body.put_into(&mut fields);
        Value::Object(fields)
    }
}

impl Body {
    fn put_into(&self, fields: &mut Map<String, Value>) {
        if let Some(targets) = self.targets() {
            put_targets(fields, targets);
        }
        match self {
            Self::Claim { .. }
            | Self::Unbind { .. }
            | Self::Transfer { .. }
            | Self::Share { .. }
            | Self::Revoke { .. } => {
                self.put_holding(fields);
            }
            Self::Reassign { .. }
            | Self::Assign { .. }
            | Self::Unassign { .. }
            | Self::Invite { .. }
            | Self::Offboard { .. } => self.put_people(fields),
            Self::Disconnect { kinds, include_owned } => {
                put_kinds(fields, kinds);
                fields.insert("include_owned".to_owned(), (*include_owned).into());
            }
            Self::Inspect { kinds, people } => {
                put_kinds(fields, kinds);
                fields.insert("people".to_owned(), (*people).into());
            }
            Self::Undo { target } | Self::Cancel { target } => put(fields, "target", target),
        }
    }

    /// The fields of the commands on what a business holds; nothing for others.
    fn put_holding(&self, fields: &mut Map<String, Value>) {
        if let Self::Claim { access, permitted_tasks, irreversible, again, targets: _ } = self {
            put(fields, "access", access.word());
            put_tasks(fields, "permitted_tasks", Some(permitted_tasks).filter(|tasks| !tasks.is_empty()));
            fields.insert("irreversible".to_owned(), (*irreversible).into());
            fields.insert("again".to_owned(), (*again).into());
        }
        if let Self::Unbind { remove_people, unmanaged, targets: _ } = self {
            fields.insert("remove_people".to_owned(), (*remove_people).into());
            fields.insert("unmanaged".to_owned(), (*unmanaged).into());
        }
        if let Self::Transfer { to_business, cool_down, unmanaged, targets: _ } = self {
            put(fields, "to_business", to_business);
            put_some(fields, "cool_down", cool_down.map(humantime::format_duration));
            fields.insert("unmanaged".to_owned(), (*unmanaged).into());
        }
        if let Self::Share { partner, permitted_tasks, targets: _ } = self {
            put(fields, "partner", partner);
            put_tasks(fields, "permitted_tasks", Some(permitted_tasks));
        }
        if let Self::Revoke { partner, permitted_tasks, targets: _ } = self {
            put(fields, "partner", partner);
            put_tasks(fields, "permitted_tasks", permitted_tasks.as_ref());
        }
    }

    /// The fields of the commands on people; nothing for others.
    fn put_people(&self, fields: &mut Map<String, Value>) {
        if let Self::Reassign { from, to, tasks, targets: _ } = self {
            put(fields, "from", from);
            put(fields, "to", to);
            put_tasks(fields, "tasks", tasks.as_ref());
        }
        if let Self::Assign { user, tasks, targets: _ } = self {
            put(fields, "user", user);
            put_tasks(fields, "tasks", Some(tasks));
        }
        if let Self::Unassign { user, tasks, targets: _ } = self {
            put(fields, "user", user);
            put_tasks(fields, "tasks", tasks.as_ref());
        }
        if let Self::Invite { email, role, assets, tasks } = self {
            put(fields, "email", email);
            put(fields, "role", role.word());
            if !assets.is_empty() {
                put_targets(fields, &Targets::List(assets.clone()));
                put_tasks(fields, "tasks", Some(tasks));
            }
        }
        if let Self::Offboard { user, successor, remove_from_business, protected, plan } = self {
            put(fields, "user", user);
            put_some(fields, "successor", successor.as_ref());
            fields.insert("remove_from_business".to_owned(), (*remove_from_business).into());
            if !protected.is_empty() {
                let texts: Vec<String> = protected.iter().map(ToString::to_string).collect();
                fields.insert("protected".to_owned(), texts.into());
            }
            put_some(fields, "plan", plan.as_ref());
        }
    }
}

fn put(fields: &mut Map<String, Value>, name: &str, value: impl Display) {
    fields.insert(name.to_owned(), value.to_string().into());
}

fn put_some(fields: &mut Map<String, Value>, name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        put(fields, name, value);
    }
}

fn put_tasks(fields: &mut Map<String, Value>, name: &str, tasks: Option<&Tasks>) {
    if let Some(tasks) = tasks {
        fields.insert(name.to_owned(), json!(tasks));
    }
}

fn put_kinds(fields: &mut Map<String, Value>, kinds: &[Kind]) {
    fields.insert("kinds".to_owned(), json!(kinds));
}

fn put_targets(fields: &mut Map<String, Value>, targets: &Targets) {
    let asset = |asset: &Asset| json!(asset);
    match targets {
        Targets::One(one) => fields.insert("asset".to_owned(), asset(one)),
        Targets::List(many) => fields.insert("assets".to_owned(), many.iter().map(asset).collect()),
        Targets::All => fields.insert("assets".to_owned(), "all".into()),
    };
}
