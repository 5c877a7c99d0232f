//! Who may ask for what, and what nobody may take away.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use config::{Map, Value, ValueKind};
use serde_json::{Value as Json, json};

use super::layers::toml_list;
use super::values::{Read, texts};
use crate::contract::{Asset, BusinessId, IdError, Person};

/// The commands of the contract, for lists of what a publisher may send.
const COMMANDS: [&str; 15] = [
    "claim",
    "unbind",
    "reassign",
    "assign",
    "unassign",
    "invite",
    "offboard",
    "transfer",
    "share",
    "revoke",
    "disconnect",
    "inspect",
    "undo",
    "cancel",
    "*",
];

/// A list that covers what it names, or everything (`["*"]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed<T: Ord> {
    /// `*`
    Any,
    /// These alone.
    Only(BTreeSet<T>),
}

impl<T: Ord> Allowed<T> {
    /// Whether `one` is covered.
    #[must_use]
    pub fn covers<Q: Ord + ?Sized>(&self, one: &Q) -> bool
    where
        T: std::borrow::Borrow<Q>,
    {
        match self {
            Self::Any => true,
            Self::Only(set) => set.contains(one),
        }
    }

    /// Whether `one` is named, not merely covered by `*`.
    #[must_use]
    pub fn lists(&self, one: &T) -> bool {
        match self {
            Self::Any => false,
            Self::Only(set) => set.contains(one),
        }
    }
}

impl<T: Ord + FromStr<Err: fmt::Display> + fmt::Display> Read for Allowed<T> {
    fn read(value: &ValueKind) -> Result<Self, String> {
        let listed = texts(value)?;
        if listed.is_empty() {
            return Err("covers nothing: list at least one, or \"*\" for any".to_owned());
        }
        if listed.iter().any(|item| item == "*") {
            return if listed.len() == 1 { Ok(Self::Any) } else { Err("has \"*\" beside others: keep one".to_owned()) };
        }
        Vec::read(value).map(|listed| Self::Only(listed.into_iter().collect()))
    }

    fn shown(&self) -> Json {
        match self {
            Self::Any => json!(["*"]),
            Self::Only(set) => set.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What no command may remove.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Protected {
    /// `page/123`: not let go of.
    Asset(Asset),
    /// `person/456`, or an e-mail address: taken from nothing.
    Person(Person),
}

impl FromStr for Protected {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const SHAPE: IdError = IdError("must be an asset (\"page/123\"), \"person/456\" or an e-mail address");
        match text.split_once('/') {
            Some(("person", person)) => person.parse().map(Self::Person).map_err(|_| SHAPE),
            Some(_) => text.parse().map(Self::Asset).map_err(|_| SHAPE),
            None if text.contains('@') => text.parse().map(Self::Person).map_err(|_| SHAPE),
            None => Err(SHAPE),
        }
    }
}

impl fmt::Display for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(asset) => asset.fmt(f),
            Self::Person(Person::Id(id)) => write!(f, "person/{id}"),
            Self::Person(Person::Email(address)) => address.fmt(f),
        }
    }
}

/// What one publisher, known by the `user_id` that the broker has validated, may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// The broker's user.
    pub user: String,
    /// The commands it may send, by name.
    pub commands: Allowed<String>,
    /// The businesses it may act for; `to_business` has to be covered too.
    pub businesses: Allowed<BusinessId>,
    /// The businesses it may share with and revoke from.
    pub partners: Allowed<BusinessId>,
}

/// All publishers; read as a list of tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Publishers(pub(super) Vec<Publisher>);

impl Read for Publishers {
    fn read(value: &ValueKind) -> Result<Self, String> {
        const SHAPE: &str = "must be a list of tables: [[publishers]] in a file, or [{user = \"…\", commands = [\"…\"], businesses = [\"…\"]}]";
        let list = match value {
            ValueKind::Array(list) => list.clone(),
            ValueKind::String(text) => toml_list(text).ok_or(SHAPE)?,
            _ => return Err(SHAPE.to_owned()),
        };
        if list.is_empty() {
            return Err("an empty list would refuse every message: leave the key out, or name a publisher".to_owned());
        }
        let all: Vec<_> = list.iter().map(|item| publisher(&item.kind, SHAPE)).collect::<Result<_, _>>()?;
        let users: BTreeSet<_> = all.iter().map(|one| &one.user).collect();
        if users.len() == all.len() { Ok(Self(all)) } else { Err("names a user twice: join the two".to_owned()) }
    }

    fn shown(&self) -> Json {
        let one = |p: &Publisher| {
            json!({ "user": p.user, "commands": p.commands.shown(), "businesses": p.businesses.shown(),
                    "partners": p.partners.shown() })
        };
        self.0.iter().map(one).collect()
    }
}

fn publisher(value: &ValueKind, shape: &str) -> Result<Publisher, String> {
    let ValueKind::Table(table) = value else { return Err(shape.to_owned()) };
    const KEYS: [&str; 4] = ["user", "commands", "businesses", "partners"];
    if let Some(other) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("unknown key {other:?} in a publisher: it has {}", KEYS.join(", ")));
    }
    let user: String = field(table, "user")?;
    let commands: Allowed<String> = field(table, "commands")?;
    let unknown = |set: &BTreeSet<String>| set.iter().find(|name| !COMMANDS.contains(&name.as_str())).cloned();
    match &commands {
        Allowed::Only(set) if unknown(set).is_some() => {
            let name = unknown(set).unwrap_or_default();
            return Err(format!(
                "commands of {user:?}: no command is called {name:?}; there are {}",
                COMMANDS.join(", ")
            ));
        }
        Allowed::Only(_) | Allowed::Any => {}
    }
    let partners = match table.get("partners").map(|value| &value.kind) {
        Some(ValueKind::Array(list)) if list.is_empty() => None,
        other => other,
    };
    let partners = partners.map_or(Ok(Allowed::Only(BTreeSet::new())), Allowed::read);
    let partners = partners.map_err(|wrong| format!("partners of {user:?}: {wrong}"))?;
    let businesses = field(table, "businesses").map_err(|wrong| format!("publisher {user:?}: {wrong}"))?;
    Ok(Publisher { user, commands, businesses, partners })
}

fn field<T: Read>(table: &Map<String, Value>, key: &str) -> Result<T, String> {
    let value = table.get(key).ok_or_else(|| format!("a publisher lacks its {key:?}: add it"))?;
    T::read(&value.kind).map_err(|wrong| format!("{key}: {wrong}"))
}
