//! Who may ask for what, and what nobody may take away.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value as Json, json};

use super::layers::toml_list;
use super::values::{Read, texts};
use crate::contract::{Asset, BusinessId, IdError, Person};

/// The commands of the contract, for lists of what a publisher may send.
const COMMANDS: [&str; 14] = [
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
    fn read(value: &Json) -> Result<Self, String> {
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
    fn read(value: &Json) -> Result<Self, String> {
        const SHAPE: &str = "must be a list of tables: [[publishers]] in a file, or [{user = \"…\", commands = [\"…\"], businesses = [\"…\"]}]";
        let list = value.as_array().cloned().or_else(|| toml_list(value.as_str()?)).ok_or(SHAPE)?;
        if list.is_empty() {
            return Err("an empty list would refuse every message: leave the key out, or name a publisher".to_owned());
        }
        let all: Vec<_> = list.iter().map(|item| publisher(item, SHAPE)).collect::<Result<_, _>>()?;
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

fn publisher(value: &Json, shape: &str) -> Result<Publisher, String> {
    const KEYS: [&str; 4] = ["user", "commands", "businesses", "partners"];
    let table = value.as_object().ok_or(shape)?;
    if let Some(other) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("unknown key {other:?} in a publisher: it has {}", KEYS.join(", ")));
    }
    let user: String = field(table, "user").map_err(|wrong| format!("a publisher's {wrong}"))?;
    let named = |wrong| format!("publisher {user:?}: {wrong}");
    let commands = field(table, "commands").and_then(known).map_err(named)?;
    let businesses = field(table, "businesses").map_err(named)?;
    let no_partners = table.get("partners").is_none_or(|list| list.as_array().is_some_and(Vec::is_empty));
    let partners = if no_partners { Ok(Allowed::Only(BTreeSet::new())) } else { field(table, "partners") };
    let partners = partners.map_err(named)?;
    Ok(Publisher { user, commands, businesses, partners })
}

/// Refuses a command's name that the contract does not have.
fn known(commands: Allowed<String>) -> Result<Allowed<String>, String> {
    let unknown = match &commands {
        Allowed::Any => None,
        Allowed::Only(set) => set.iter().find(|name| !COMMANDS.contains(&name.as_str())),
    };
    match unknown {
        Some(name) => Err(format!("no command is called {name:?}; there are {}", COMMANDS.join(", "))),
        None => Ok(commands),
    }
}

fn field<T: Read>(table: &Map<String, Json>, key: &str) -> Result<T, String> {
    let value = table.get(key).ok_or_else(|| format!("{key} is missing: add it"))?;
    T::read(value).map_err(|wrong| format!("{key}: {wrong}"))
}
